"""Requests about clients."""

import uuid
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model.machine import Tenants, node, pick
from tests.model.world import WINDOW, Client, Secret, Token

from clientry.clock import rfc3339

labels = st.dictionaries(st.sampled_from(["env", "team"]), st.sampled_from(["prod", "test", None]), max_size=2)
changes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.booleans(),
        "locked": st.sampled_from([False, False, False, True]),
        "enabled": st.booleans(),
        "token_lifetime": st.sampled_from([300, 3600, 63_072_000]),
        "expires_at": st.sampled_from([None, 2, 7200, 5_000_000]),
        "labels": st.none() | labels,
    },
)


class ClientRules(Tenants):
    """What admin clients do with clients."""

    @rule(
        node=node,
        who=pick,
        narrowed=pick,
        account=st.none() | pick,
        locked=st.sampled_from([False, False, True]),
        retried=st.booleans(),
    )
    def a_client_is_made(
        self, node: int, who: int, narrowed: int, account: int | None, locked: bool, retried: bool
    ) -> None:
        wanted = None if account is None else self.account_at(account)
        token = self.acting(node, who, narrowed, wanted)
        if token is None:
            return
        place = wanted or token.account
        name, key = uuid.uuid4().hex, uuid.uuid4().hex if retried else None
        body: dict[str, object] = {"name": name, "locked": locked, "scopes": {"products": []}}
        if account is not None:
            body["account_id"] = place.account_id
        reply = self.ask(node, token, "POST", "/v1/clients", body, key)
        if not token.account.covers(place) or place.deleted:
            assert reply.status == 404
            return
        assert reply.status == 201
        made = reply.json
        if retried:
            again = self.ask(1 - node, token, "POST", "/v1/clients", body, key)
            assert (again.status, again.json) == (201, made)
        listed = self.ask(node, token, "GET", f"/v1/clients/{made['client_id']}/secrets").json["secrets"]
        secret = Secret(listed[0]["secret_id"], made["client_secret"], int(self.now))
        self.world.clients.append(Client(made["client_id"], place, False, name, int(self.now), [secret], locked))

    @rule(node=node, who=pick, narrowed=pick, client=pick)
    def a_client_is_read(self, node: int, who: int, narrowed: int, client: int) -> None:
        wanted = self.client_at(client)
        token = self.acting(node, who, narrowed, wanted.account)
        if token is None:
            return
        reply = self.ask(node, token, "GET", f"/v1/clients/{wanted.client_id}")
        assert reply.status == (200 if self.sees(token, wanted) else 404)
        if reply.status == 200:
            assert reply.json["client"] == reply.json["client"] | self.client_body(wanted)

    @rule(node=node, who=pick, narrowed=pick, status=st.sampled_from(["active", "disabled", "any"]), by=labels)
    def clients_are_listed(self, node: int, who: int, narrowed: int, status: str, by: dict[str, str | None]) -> None:
        token = self.acting(node, who, narrowed)
        if token is None:
            return
        wanted = {key: value for key, value in by.items() if value is not None}
        query = "&labels=" + ",".join(f"{key}:{value}" for key, value in wanted.items()) if wanted else ""
        reply = self.ask(node, token, "GET", f"/v1/clients?page_size=1000&page_number=1&status={status}{query}")
        there = [one for one in self.world.in_tree(token.account) if wanted.items() <= one.labels.items()]
        there = [one for one in there if status == "any" or one.enabled is (status == "active")]
        there.sort(key=lambda one: (one.created, one.client_id), reverse=True)
        assert [one["client_id"] for one in reply.json["clients"]] == [one.client_id for one in there]
        assert reply.json["meta"]["count"] == len(there)

    @rule(node=node, who=pick, narrowed=pick)
    def deleted_clients_are_listed(self, node: int, who: int, narrowed: int) -> None:
        token = self.acting(node, who, narrowed)
        if token is None:
            return
        reply = self.ask(node, token, "GET", "/v1/clients?page_size=1000&page_number=1&status=deleted")
        there = [
            (one, one.deleted_at)
            for one in self.world.clients
            if one.deleted_at is not None and self._is_restorable(token, one)
        ]
        there.sort(key=lambda pair: (pair[0].created, pair[0].client_id), reverse=True)
        assert [(one["client_id"], one["date_deleted"], one["restorable_until"]) for one in reply.json["clients"]] == [
            (one.client_id, rfc3339(at), rfc3339(at + WINDOW)) for one, at in there
        ]
        assert reply.json["meta"]["count"] == len(there)

    def _is_restorable(self, token: Token, client: Client) -> bool:
        kept = client.deleted_at is not None and client.deleted_at > int(self.now) - WINDOW and not client.purged
        return kept and token.account.covers(client.account) and not client.account.deleted

    @rule(node=node, who=pick, narrowed=pick, client=pick, change=changes)
    def a_client_is_changed(self, node: int, who: int, narrowed: int, client: int, change: dict[str, Any]) -> None:
        self._change_client(node, who, narrowed, self.client_at(client), change)

    @rule(node=node, who=pick, narrowed=pick, client=pick, disabled=st.booleans())
    def a_client_is_switched(self, node: int, who: int, narrowed: int, client: int, disabled: bool) -> None:
        there = [one for one in self.world.clients if one.deleted_at is None and one.enabled is not disabled]
        target = self.rather(there, client)
        self._change_client(node, who, narrowed, target, {"enabled": not target.enabled})

    def _change_client(self, node: int, who: int, narrowed: int, target: Client, change: dict[str, Any]) -> None:
        """Change a client and compare."""
        self.hold_a_token(node, target)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        wanted = dict(change)
        if "name" in wanted:
            wanted["name"] = uuid.uuid4().hex
        if wanted.get("expires_at") is not None:
            wanted["expires_at"] += int(self.now)
        sent = dict(wanted)
        if sent.get("expires_at") is not None:
            sent["expires_at"] = rfc3339(sent["expires_at"])
        reply = self.ask(node, token, "PATCH", f"/v1/clients/{target.client_id}", sent)
        if not self.sees(token, target):
            assert reply.status == 404
            return
        self._relabel(target, wanted)
        if self._is_refused(token, target, wanted):
            assert reply.status == 409, reply
            return
        assert reply.status == 200, reply
        put_off = "expires_at" in wanted and target.expires_at is not None
        put_off = put_off and (wanted["expires_at"] is None or wanted["expires_at"] > target.expires_at)
        if put_off or (wanted.get("enabled") is False and target.enabled):
            self.world.revoke(client=target)
        names = {"token_lifetime": "lifetime"}
        for name, value in wanted.items():
            setattr(target, names.get(name, name), value)
        assert reply.json["client"] == reply.json["client"] | self.client_body(target)
        again = self.ask(1 - node, token, "GET", f"/v1/clients/{target.client_id}")
        assert again.json["client"] == reply.json["client"]

    def _relabel(self, target: Client, wanted: dict[str, Any]) -> None:
        """Put the labels as they will be in the place of the patch."""
        if "labels" in wanted:
            merged = {} if wanted["labels"] is None else {**target.labels, **wanted["labels"]}
            wanted["labels"] = {key: value for key, value in sorted(merged.items()) if value is not None}

    def _is_refused(self, token: Token, target: Client, wanted: dict[str, Any]) -> bool:
        """Tell whether a change is a conflict."""
        end, enabled = wanted.get("expires_at"), wanted.get("enabled")
        if target is token.client and (enabled is False or end is not None):
            return True
        now = {"token_lifetime": target.lifetime}
        differing = {name for name, value in wanted.items() if now.get(name, getattr(target, name, None)) != value}
        if not differing:
            return False
        if target.locked and not (differing == {"locked"} or (differing == {"enabled"} and target.enabled)):
            return True
        ends = end if "expires_at" in wanted else target.expires_at
        if enabled and not target.enabled and ends is not None and self.now >= ends:
            return True
        return (enabled is False or end is not None) and self.world.is_last_admin(target)

    @rule(node=node, who=pick, narrowed=pick, client=pick)
    def the_tokens_of_a_client_are_revoked(self, node: int, who: int, narrowed: int, client: int) -> None:
        target = self.client_at(client)
        self.hold_a_token(node, target)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        reply = self.ask(node, token, "POST", f"/v1/clients/{target.client_id}/revoke_tokens")
        assert reply.status == (200 if self.sees(token, target) else 404)
        if reply.status == 200:
            self.world.revoke(client=target)

    @rule(node=node, who=pick, narrowed=pick, client=pick)
    def a_client_is_deleted(self, node: int, who: int, narrowed: int, client: int) -> None:
        target = self.client_at(client)
        self.hold_a_token(node, target)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        reply = self.ask(node, token, "DELETE", f"/v1/clients/{target.client_id}")
        if not self.sees(token, target):
            assert reply.status == 404
        elif target is token.client or target.locked or self.world.is_last_admin(target):
            assert reply.status == 409
        else:
            assert reply.status == 204
            target.deleted_at = int(self.now)
            self.world.revoke(client=target)

    @rule(node=node, who=pick, narrowed=pick, client=pick)
    def a_client_is_restored(self, node: int, who: int, narrowed: int, client: int) -> None:
        target = self.rather([one for one in self.world.clients if one.deleted_at is not None], client)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        reply = self.ask(node, token, "POST", f"/v1/clients/{target.client_id}/restore")
        kept = target.deleted_at is None or (target.deleted_at > int(self.now) - WINDOW and not target.purged)
        if not token.account.covers(target.account) or not kept:
            assert reply.status == 404
        elif target.account.deleted:
            assert reply.status == 409
        else:
            assert reply.status == 200
            target.deleted_at = None
            assert reply.json["client"] == reply.json["client"] | self.client_body(target)
            self.hold_a_token(1 - node, target)

    def client_body(self, client: Client) -> dict[str, object]:
        """Return a client as it must be shown."""
        return {
            "client_id": client.client_id,
            "account_id": client.account.account_id,
            "name": client.name,
            "client_type": "admin" if client.admin else "standard",
            "locked": client.locked,
            "enabled": client.enabled,
            "token_lifetime": client.lifetime,
            "expires_at": None if client.expires_at is None else rfc3339(client.expires_at),
            "labels": client.labels,
            "date_created": rfc3339(client.created),
        }
