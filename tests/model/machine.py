"""The state machine: three tenants ask two nodes. Each answer is compared with the model's, and searched for others' words."""

import base64
import json
import uuid
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.model.nodes import Nodes
from tests.model.world import Account, Client, Secret, Token, World
from tests.support.wire import Reply

from clientry.records.client import ClientType
from clientry.records.scope import RESOURCES
from clientry.registry.accounts import NewAccount
from clientry.registry.clients import NewClient

node = st.integers(0, 1)
pick = st.integers(0, 2**32).map(lambda number: Random(number).randrange(5040))  # noqa: S311 - an even spread
steps = st.sampled_from([0.25, 0.5, 1.0, 90.0, 3600.0, 90_000.0, 1_000_000.0])


class Tenants(RuleBasedStateMachine):
    """A platform account and two tenants below it, each with an admin client; and whatever they make."""

    nodes: ClassVar[Nodes]

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self._accounts: list[Account] = []
        self._clients: list[Client] = []
        self._held: list[Token] = []

    @property
    def now(self) -> float:
        """The time of both nodes."""
        return self.nodes.clock.time

    # The stage

    @initialize()
    def set_the_stage(self) -> None:
        platform = self._new_tenant(None)
        tenants = [self._new_tenant(platform), self._new_tenant(platform)]
        for account in (platform, *tenants):
            self._new_client(account, ClientType.ADMIN)
            self._new_client(account, ClientType.STANDARD)

    def _new_tenant(self, above: Account | None) -> Account:
        registry, operator, name = self.nodes.registry, self.nodes.operator, uuid.uuid4().hex
        parent = None if above is None else above.account_id
        new = NewAccount(friendly_name=name, owner_email=f"{name}@example.com", parent_id=parent)
        made = self.nodes.run(registry.accounts.create(operator, new))
        account = Account(made.account_id, above, name, made.owner_email, made.path[-2], made.date_created)
        self.world.accounts.append(account)
        self._new_client(account, ClientType.ADMIN)
        return account

    def _new_client(self, account: Account, client_type: ClientType) -> None:
        registry, operator, name = self.nodes.registry, self.nodes.operator, uuid.uuid4().hex
        admin = client_type is ClientType.ADMIN
        locked = None if admin else False
        new = NewClient(name, locked, (), account.account_id, client_type, RESOURCES if admin else ())
        made = self.nodes.run(registry.clients.create(operator, new))
        client = made.client
        kept = self.nodes.run(registry.secrets.list(operator, client.client_id))[0].used.kept
        secret = Secret(kept.secret_id, made.client_secret, kept.date_created)
        self.world.clients.append(Client(client.client_id, account, admin, name, client.date_created, [secret], locked))

    @rule(account=pick, client_type=st.sampled_from(ClientType))
    def operator_makes_a_client(self, account: int, client_type: ClientType) -> None:
        chosen = self.account_at(account)
        if not chosen.deleted:
            self._new_client(chosen, client_type)

    # Time

    @rule(seconds=steps)
    def time_passes(self, seconds: float) -> None:
        self.nodes.clock.time += seconds

    @rule(node=node)
    def uses_are_written(self, node: int) -> None:
        self.nodes.run(self.nodes.nodes[node].use_writer.write())
        self.world.write_uses(node)

    @rule(node=node)
    def a_node_tidies_up(self, node: int) -> None:
        self.nodes.run(self.nodes.nodes[node].housekeeping.tidy())
        self.world.tidy(self.now)

    # Tokens

    @rule(node=node, client=pick, secret=pick, account=st.none() | pick, wrong=st.integers(0, 9))
    def a_client_asks_for_a_token(self, node: int, client: int, secret: int, account: int | None, wrong: int) -> None:
        asking = self.client_at(client)
        known = asking.secrets[secret % len(asking.secrets)] if asking.secrets else None
        wanted = None if account is None else self.account_at(account)
        self._token(node, asking, known if wrong else None, wanted)

    def _token(self, node: int, client: Client, secret: Secret | None, wanted: Account | None) -> Token | None:
        """Ask for a token, compare, and return it, None where there is none."""
        form = {"grant_type": "client_credentials", "client_id": client.client_id}
        form["client_secret"] = "cs_" + "0" * 49 if secret is None else secret.text
        if wanted is not None:
            form["account_id"] = wanted.account_id
        before = self._token_status(client, secret, wanted)
        noted = before != 401 and secret is not None
        if secret is not None and noted:
            self.world.use(node, client, secret, self.now)
        reply, asked = self._with_time(lambda: self.nodes.ask_token(node, form))
        expected = before
        if before == 200 and self.now != asked:
            expected = self._token_status(client, secret, wanted)
            if secret is not None and expected != 401:
                self.world.use(node, client, secret, self.now)
        assert reply.status == expected, (reply, before)
        if expected != 200:
            return None
        issued = int(self.now)
        exp = issued + client.lifetime
        exp = exp if client.expires_at is None else min(exp, client.expires_at)
        token = Token(reply.json["access_token"], client, wanted or client.account, exp)
        claims = _claims(token)
        assert (claims["iat"], claims["exp"], reply.json["expires_in"]) == (issued, exp, exp - issued)
        self.world.tokens.append(token)
        return token

    def hold_a_token(self, node: int, client: Client) -> None:
        """Let a client get a token, if it may: whether it is still good is asked after every step."""
        live = client.live(self.now)
        token = self._token(node, client, live[-1], None) if live else None
        if token is not None:
            self._held = [*self._held[-11:], token]

    @invariant()
    def the_newest_tokens_are_as_good_as_the_model_says(self) -> None:
        for number, token in enumerate(self._held):
            expected = 200 if token.is_good(self.now) else 401
            assert self.nodes.call(number % 2, "GET", "/v1/ping", token.text).status == expected

    def _with_time(self, ask: Any) -> tuple[Reply, float]:
        before = self.now
        return ask(), before

    def _token_status(self, client: Client, secret: Secret | None, wanted: Account | None) -> int:
        if secret is None or secret not in client.secrets or not secret.is_live(self.now):
            return 401
        if not client.may_act(self.now):
            return 401
        if wanted is None or wanted is client.account:
            return 200
        below = client.admin and client.account.covers(wanted) and not wanted.deleted and not wanted.stopped
        return 200 if below else 400

    @rule(node=node, token=pick)
    def a_token_is_used(self, node: int, token: int) -> None:
        if not self.world.tokens:
            return
        near = [one for one in self.world.tokens if one.client in self._clients] if token % 2 else []
        tokens = near or self.world.tokens
        used = tokens[-1 - token // 2 % len(tokens)]
        good = used.is_good(self.now)
        assert self.nodes.call(node, "GET", "/v1/ping", used.text).status == (200 if good else 401)
        reply = self.nodes.call(node, "GET", f"/v1/clients/{used.client.client_id}", used.text)
        visible = used.account.covers(used.client.account)
        assert reply.status == (401 if not good else 403 if not used.client.admin else 200 if visible else 404)
        self._search(reply, used)

    # Acting as an admin client

    def acting(self, node: int, who: int, narrowed: int, about: Account | None = None) -> Token | None:
        """Return a fresh token of an admin client, in most cases one that may do what it asks for, in some narrowed.

        Args:
            node: the node that is asked for it.
            who: which admin client.
            narrowed: to which account.
            about: the account that it will ask about.
        """
        admins = [one for one in self.world.clients if one.admin]
        able = [one for one in admins if one.may_act(self.now) and one.live(self.now)]
        above = [one for one in able if about is not None and one.account.covers(about)]
        client = _chosen(above or able or admins if who % 8 else admins, who // 8)
        there = self.world.accounts if about is None or narrowed % 2 else about.path
        below = [one for one in there if client.account.covers(one)]
        wanted = _chosen(below, narrowed // 6) if below and narrowed % 3 == 0 else None
        live = client.live(self.now)
        return self._token(node, client, live[-1] if live else None, wanted)

    def ask(
        self, node: int, token: Token, method: str, path: str, body: object = None, key: str | None = None
    ) -> Reply:
        """Send a request with a token, and search the answer."""
        reply = self.nodes.call(node, method, path, token.text, body, key)
        self._search(reply, token)
        return reply

    def _search(self, reply: Reply, token: Token) -> None:
        """Look for words of accounts outside the tree that a token is for: not one may be in an answer."""
        seen = reply.body + repr(reply.headers).encode()
        for account in self.world.accounts:
            if token.account.covers(account):
                continue
            words = [account.name]
            if account.account_id != token.account.parent_id:
                words.append(account.account_id)
            for client in self.world.clients:
                if client.account is account:
                    words += [client.client_id, client.name, *(one.secret_id for one in client.secrets)]
                    words += [one.text for one in client.secrets]
            found = [word for word in words if word.encode() in seen]
            assert not found, (found, reply)

    def account_at(self, index: int) -> Account:
        """Return one of the accounts, also a deleted one; in half of the cases one of the last that were returned."""
        return _near(self._accounts, self.world.accounts, index)

    def client_at(self, index: int) -> Client:
        """Return one of the clients, also a deleted one; in half of the cases one of the last that were returned."""
        return _near(self._clients, self.world.clients, index)

    def rather(self, clients: list[Client], index: int) -> Client:
        """Return one of these clients, seldom any other."""
        return _near(self._clients, clients, index // 8 * 2) if clients and index % 8 else self.client_at(index // 8)

    def sees(self, token: Token, client: Client) -> bool:
        """Tell whether a client is there for whoever has the token."""
        return client.deleted_at is None and token.account.covers(client.account)

    def is_own(self, token: Token, account: Account) -> bool:
        """Tell whether the holder of the token acts for this account."""
        return account in {token.account, token.client.account}


def _claims(token: Token) -> dict[str, Any]:
    payload = token.text.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _chosen(among: list[Any], index: int) -> Any:
    return among[index % len(among)]


def _near(last: list[Any], everything: list[Any], index: int) -> Any:
    """Return one of the last that were returned, for an odd index, or one of all: what meets is what finds mistakes."""
    found = _chosen(last if index % 2 and last else everything, index // 2)
    last.append(found)
    del last[:-3]
    return found
