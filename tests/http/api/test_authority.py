"""Nobody makes, revives or hands over power that they do not hold: every changing operation, with every field, tried by the weak.

Operations come from the route table and fields from the types of their bodies: whatever is added is in here without being told; a
field that has no value below fails.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.contract.tenant import Tenant, admin_of, new_tenant
from tests.http.api.test_matrix import DOCUMENT, OPERATIONS, needed
from tests.support.registry import Credentials
from tests.support.server import Server
from tests.support.wire import Reply, ask_token, bearer, send

from clientry.http.app import Operation
from clientry.records.scope import ACCOUNTS_WRITE, CLIENTS_WRITE, RESOURCES

CHANGING = [operation for operation in OPERATIONS if operation.method != "GET"]
VALUES: dict[str, tuple[object, ...]] = {
    "account_id": (None,),  # of the tree, put in below
    "client_owner": ("mallory@example.com",),
    "enabled": (True,),
    "expires_at": (None, "2090-01-31T09:30:00Z"),
    "friendly_name": ("Other",),
    "labels": ({"env": "prod"},),
    "locked": (False,),
    "name": ("Other",),
    "new_secret": (True,),
    "others_end_after": (0, "24h"),
    "others_end_counted_from": ("first_use",),
    "others_end_when_silent_for": ("1h",),
    "owner_email": ("mallory@example.com",),
    "parent_id": (None,),
    "scopes": ({"products": ["SuperSIM"]},),
    "status": ("ACTIVE", "SUSPENDED"),
    "token_lifetime": ("24mo",),
}
"""For each field of any body what asks for the most."""
GUARDED = {
    ("updateClient", "enabled"),
    ("updateClient", "expires_at"),
    ("updateClient", "client_owner"),
    ("restoreClient", ""),
    ("createSecret", "others_end_after"),
    ("createSecret", "others_end_counted_from"),
    ("createSecret", "others_end_when_silent_for"),
    ("createSecret", "expires_at"),
    ("containClient", "new_secret"),
    ("updateAccount", "owner_email"),
}
"""Where power is made, revived, prolonged or handed over: by which operation, and which field of it."""
SOON, LATE = "2080-01-31T09:30:00Z", "2085-01-31T09:30:00Z"
STATES: dict[str, dict[str, object]] = {
    "working": {"enabled": True, "expires_at": None},
    "disabled": {"enabled": False, "expires_at": None},
    "ending": {"enabled": True, "expires_at": SOON},
    "disabled and ending": {"enabled": False, "expires_at": SOON},
    "deleted": {"enabled": True, "expires_at": None},
}


class Stage(NamedTuple):
    """A tenant whose admin client asks, an account below it with an admin client, and the account's guardian above all."""

    server: Server
    above: Tenant
    mine: Tenant
    target: Credentials
    account_id: str

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> Reply:
        """Send a request, as the admin client above unless another token is given."""
        headers = [bearer(token or self.above.registry.token), ("Content-Type", "application/json")]
        sent = None if body is None else json.dumps(body).encode()
        return send(self.server.url, method, path, headers, sent)

    @property
    def place(self) -> str:
        """Where the target is."""
        return f"/v1/clients/{self.target.client_id}"


@pytest.fixture(scope="module")
def stage(server: Server) -> Stage:
    """Set the stage."""
    above = new_tenant(server)
    mine = new_tenant(server, above.account_id)
    child = new_tenant(server, mine.account_id)
    return Stage(server, above, mine, child.admin, child.account_id)


class Power(NamedTuple):
    """What the target can do, as far as a change could add to it."""

    works: bool
    until: str
    owners: tuple[str, str]
    secrets: frozenset[str]


def power(stage: Stage, target: Credentials) -> Power:
    """Return what the target can do."""
    works = ask_token(stage.server.url, target.form).status == 200
    account = stage.call("GET", f"/v1/accounts/{stage.account_id}").json["account"]
    shown = stage.call("GET", stage.place)
    if shown.status == 404:
        return Power(works, "", ("", account["owner_email"]), frozenset())
    client = shown.json["client"]
    secrets = stage.call("GET", stage.place + "/secrets").json["secrets"]
    owners = (client["client_owner"], account["owner_email"])
    return Power(works, client["expires_at"] or "never", owners, frozenset(one["secret_id"] for one in secrets))


def has_grown(before: Power, after: Power) -> bool:
    """Tell whether there is more power than before, or in other hands."""
    if not after.until:
        return after.works or before.owners[1] != after.owners[1]
    return (
        not before.until
        or (after.works and not before.works)
        or after.until > before.until
        or after.owners != before.owners
        or not after.secrets <= before.secrets
    )


def set_state(stage: Stage, state: str) -> Credentials:
    """Bring the target and its account into a state, whatever was done to them, and return the target's one secret."""
    stage.call("PATCH", f"/v1/accounts/{stage.account_id}", {"status": "ACTIVE", "owner_email": "t@example.com"})
    stage.call("POST", stage.place + "/restore")
    stage.call("PATCH", stage.place, {"locked": False})
    wanted = {**STATES[state], "client_owner": "t@example.com"}
    assert stage.call("PATCH", stage.place, wanted).status == 200
    secret = stage.call("POST", stage.place + "/contain", {"new_secret": True}).json["client_secret"]
    if state == "deleted":
        assert stage.call("DELETE", stage.place).status == 204
    return Credentials(stage.target.client_id, secret)


def bodies(operation: Operation, account_id: str) -> Iterator[tuple[str, object]]:
    """Yield every field of an operation's body by itself, with what is required; or no body at all."""
    if operation.request is None:
        yield "", None
        return
    schema = DOCUMENT["components"]["schemas"][operation.request.__name__]
    required = {name: schema["example"][name] for name in schema.get("required", ())}
    for field in operation.request.__struct_fields__:
        for value in VALUES[field]:
            yield field, {**required, field: account_id if field in {"account_id", "parent_id"} else value}


def ask(stage: Stage, operation: Operation, body: object, token: str) -> Reply:
    """Send an operation about the target."""
    path = operation.path.format(
        client_id=stage.target.client_id, account_id=stage.account_id, secret_id="secret_" + "0" * 26
    )
    return stage.call(operation.method, path, body, token)


def test_every_field_is_known() -> None:
    """A body that gets a new field, or an operation with a new one, has to say here what asks for the most."""
    fields = {field for operation in CHANGING if operation.request for field in operation.request.__struct_fields__}
    assert fields == set(VALUES)


@pytest.mark.parametrize("operation", CHANGING, ids=lambda operation: operation.operation_id)
def test_ruling_18_power_does_not_grow_in_weak_hands(stage: Stage, operation: Operation) -> None:
    """With the operation's own scope alone nothing makes power; where that was asked for the answer says what is missing."""
    needs = needed(operation)
    assert needs is not None
    weak = stage.server.token(*stage.mine.admin, needs)
    full = stage.mine.registry.token
    missing = set(RESOURCES) - {needs}
    seen: set[tuple[str, str]] = set()
    for state in STATES if "{client_id}" in operation.path else ("working",):
        for field, body in bodies(operation, stage.account_id):
            target = set_state(stage, state)
            before = power(stage, target)
            reply = ask(stage, operation, body, weak)
            assert not has_grown(before, power(stage, target)), (state, body, reply)
            if reply.status != 403:
                _gives_no_more_than(stage, reply, needs)
                continue
            challenge = reply.one("WWW-Authenticate")
            assert 'error="insufficient_scope"' in challenge
            assert set(challenge.split('scope="')[1].rstrip('"').split()) == missing
            assert all(scope in reply.json["message"] for scope in missing)
            assert ask(stage, operation, body, full).status < 300, (state, body)
            seen.add((operation.operation_id, field))
    assert seen == {pair for pair in GUARDED if pair[0] == operation.operation_id}


def _gives_no_more_than(stage: Stage, reply: Reply, scope: str) -> None:
    """Check that an answer has no secret that opens more than its asker's token."""
    if reply.status < 300 and b'"client_secret"' in reply.body:
        made = Credentials(reply.json["client_id"], reply.json["client_secret"])
        granted = set(ask_token(stage.server.url, made.form).json.get("scope", "").split())
        assert granted & set(RESOURCES) <= {scope}


def narrowed(stage: Stage, **fields: str) -> str:
    """Return a token of the asking admin client, narrowed."""
    reply = ask_token(stage.server.url, {**stage.mine.admin.form, **fields})
    assert reply.status == 200, reply
    return reply.json["access_token"]


@pytest.mark.parametrize("path", ["secrets", "contain"])
def test_ruling_18_a_narrowed_token_does_not_widen_itself(stage: Stage, path: str) -> None:
    """Not of its own client, nor of the admin client of the account that it was narrowed to; whole in its scopes it may."""
    body = {"others_end_after": "1h"} if path == "secrets" else {"new_secret": True}
    own, child = stage.mine.admin.client_id, stage.target.client_id
    set_state(stage, "working")
    by_scope = narrowed(stage, scope=CLIENTS_WRITE)
    by_both = narrowed(stage, scope=CLIENTS_WRITE, account_id=stage.account_id)
    by_account = narrowed(stage, account_id=stage.account_id)
    for token, target, status in (
        (by_scope, own, 403),
        (by_scope, child, 403),
        (by_both, child, 403),
        (by_both, own, 404),
        (by_account, own, 404),
        (by_account, child, 201),
    ):
        reply = stage.call("POST", f"/v1/clients/{target}/{path}", body, token)
        assert reply.status == status, (target, reply)


def test_ruling_18_what_counts_is_what_the_target_is_registered_for(stage: Stage) -> None:
    """An admin client that holds no more than the token is rotated with it; and a token without a scope that it lacks, too."""
    small = admin_of(stage.server, stage.account_id, (CLIENTS_WRITE,))
    path, body = f"/v1/clients/{small.client_id}/secrets", {"others_end_after": 0}
    assert stage.call("POST", path, body, narrowed(stage, scope=CLIENTS_WRITE)).status == 201
    larger = admin_of(stage.server, stage.account_id, (CLIENTS_WRITE, ACCOUNTS_WRITE))
    reply = stage.call("POST", f"/v1/clients/{larger.client_id}/secrets", body, narrowed(stage, scope=CLIENTS_WRITE))
    assert reply.one("WWW-Authenticate").endswith('scope="accounts:write"')


def test_ruling_18_products_are_not_guarded_like_this(stage: Stage) -> None:
    """`clients:write` alone rotates, enables and restores a standard client of the tree, and gives it another owner."""
    token = narrowed(stage, scope=CLIENTS_WRITE)
    client = stage.mine.registry.create()
    path = f"/v1/clients/{client.client_id}"
    for change in ({"enabled": False}, {"enabled": True, "client_owner": "other@example.com"}):
        assert stage.call("PATCH", path, change, token).status == 200
    assert stage.call("POST", path + "/secrets", {"others_end_after": 0}, token).status == 201
    assert stage.call("DELETE", path, None, token).status == 204
    assert stage.call("POST", path + "/restore", None, token).status == 200


@pytest.mark.parametrize(("path", "body"), [("secrets", {"others_end_after": 0}), ("contain", {"new_secret": True})])
def test_ruling_18_a_retry_passes_the_same_checks(stage: Stage, path: str, body: object) -> None:
    """With a narrowed token the kept secret is not handed over: 403; nor once the target is gone: 404; else it is."""
    target = admin_of(stage.server, stage.account_id)
    where = f"/v1/clients/{target.client_id}/{path}"
    weak = narrowed(stage, scope=CLIENTS_WRITE)

    def post(token: str, **more: str) -> Reply:
        headers = {"Idempotency-Key": f"{path}-1", **more}
        return stage.server.request("POST", where, token, body, headers)

    first = post(stage.mine.registry.token)
    assert first.status == 201
    for token, status in ((weak, 403), (stage.mine.registry.token, 201)):
        reply = post(token)
        assert reply.status == status
        assert (first.json["client_secret"].encode() in reply.body) is (status == 201)
    other = post(stage.mine.registry.token, **{"If-Match": '"v9"'})
    assert (other.status, first.json["client_secret"].encode() in other.body) == (409, False)
    assert stage.call("DELETE", f"/v1/clients/{target.client_id}").status == 204
    gone = post(stage.mine.registry.token)
    assert (gone.status, first.json["client_secret"].encode() in gone.body) == (404, False)
