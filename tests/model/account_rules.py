"""Requests about accounts."""

import uuid

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model.machine import Tenants, node, pick
from tests.model.world import Account

from clientry.clock import rfc3339


class AccountRules(Tenants):
    """What admin clients do with accounts."""

    @rule(node=node, who=pick, narrowed=pick, parent=st.none() | pick)
    def an_account_is_made(self, node: int, who: int, narrowed: int, parent: int | None) -> None:
        place = None if parent is None else self.account_at(parent)
        token = self.acting(node, who, narrowed, place)
        if token is None:
            return
        above = place or token.account
        name = uuid.uuid4().hex
        body: dict[str, object] = {"friendly_name": name, "owner_email": f"{name}@example.com"}
        if parent is not None:
            body["parent_id"] = above.account_id
        reply = self.ask(node, token, "POST", "/v1/accounts", body)
        visible = token.account.covers(above) and not above.deleted
        assert reply.status == (404 if not visible else 400 if len(above.path) >= 7 else 201), reply
        if reply.status == 201:
            made = reply.json["account"]
            assert made["parent_id"] == above.account_id
            self.world.accounts.append(
                Account(made["id"], above, name, made["owner_email"], above.account_id, int(self.now))
            )

    @rule(node=node, who=pick, narrowed=pick, account=pick)
    def an_account_is_read(self, node: int, who: int, narrowed: int, account: int) -> None:
        wanted = self.account_at(account)
        token = self.acting(node, who, narrowed, wanted)
        if token is None:
            return
        reply = self.ask(node, token, "GET", f"/v1/accounts/{wanted.account_id}")
        visible = token.account.covers(wanted) and not wanted.deleted
        assert reply.status == (200 if visible else 404)
        if visible:
            assert reply.json["account"] == self.account_body(wanted)

    @rule(node=node, who=pick, narrowed=pick, account=pick, client=pick)
    def an_account_is_renamed(self, node: int, who: int, narrowed: int, account: int, client: int) -> None:
        self._change_account(node, who, narrowed, self.account_at(account), client, None)

    @rule(node=node, who=pick, narrowed=pick, account=pick, client=pick, suspended=st.booleans())
    def an_account_is_switched(
        self, node: int, who: int, narrowed: int, account: int, suspended: bool, client: int
    ) -> None:
        there = [one for one in self.world.accounts if one.suspended is suspended]
        target = there[account // 8 % len(there)] if there and account % 8 else self.account_at(account)
        self._change_account(node, who, narrowed, target, client, not target.suspended)

    def _change_account(
        self, node: int, who: int, narrowed: int, target: Account, client: int, suspend: bool | None
    ) -> None:
        """Change an account and compare."""
        self._hold_one_of(node, target, client)
        token = self.acting(node, who, narrowed, target)
        if token is None:
            return
        name = uuid.uuid4().hex
        changes: dict[bool | None, dict[str, object]] = {
            None: {"friendly_name": name},
            True: {"status": "SUSPENDED"},
            False: {"status": "ACTIVE"},
        }
        reply = self.ask(node, token, "PATCH", f"/v1/accounts/{target.account_id}", changes[suspend])
        if not token.account.covers(target) or target.deleted:
            assert reply.status == 404
        elif suspend and (self.is_own(token, target) or (not target.suspended and self.world.loses_its_admins(target))):
            assert reply.status == 409
        else:
            assert reply.status == 200
            if suspend is None:
                target.name = name
            elif suspend and not target.suspended:
                self.world.revoke(account=target)
            target.suspended = target.suspended if suspend is None else suspend
            assert reply.json["account"] == self.account_body(target)
            again = self.ask(1 - node, token, "GET", f"/v1/accounts/{target.account_id}")
            assert (again.status, again.body) == (200, reply.body)

    @rule(node=node, who=pick, narrowed=pick, account=pick, client=pick)
    def the_tokens_of_an_account_are_revoked(
        self, node: int, who: int, narrowed: int, account: int, client: int
    ) -> None:
        target = self.account_at(account)
        self._hold_one_of(node, target, client)
        token = self.acting(node, who, narrowed, target)
        if token is None:
            return
        reply = self.ask(node, token, "POST", f"/v1/accounts/{target.account_id}/revoke_tokens")
        visible = token.account.covers(target) and not target.deleted
        assert reply.status == (200 if visible else 404)
        if visible:
            self.world.revoke(account=target)

    @rule(node=node, who=pick, narrowed=pick, account=pick)
    def an_account_is_deleted(self, node: int, who: int, narrowed: int, account: int) -> None:
        target = self.account_at(account)
        token = self.acting(node, who, narrowed, target)
        if token is None:
            return
        reply = self.ask(node, token, "DELETE", f"/v1/accounts/{target.account_id}")
        below = [one for one in self.world.accounts if target.covers(one) and one is not target and not one.deleted]
        if not token.account.covers(target) or target.deleted:
            assert reply.status == 404
        elif self.is_own(token, target) or below or self.world.in_tree(target):
            assert reply.status == 409
        else:
            assert reply.status == 204
            target.deleted = True

    @rule(node=node, who=pick, narrowed=pick)
    def accounts_are_listed(self, node: int, who: int, narrowed: int) -> None:
        token = self.acting(node, who, narrowed)
        if token is None:
            return
        reply = self.ask(node, token, "GET", "/v1/accounts?page_size=1000&page_number=1")
        there = [one for one in self.world.accounts if token.account.covers(one) and not one.deleted]
        there.sort(key=lambda one: (one.created, one.account_id), reverse=True)
        assert reply.json["accounts"] == [self.account_body(one) for one in there]
        assert reply.json["meta"]["count"] == len(there)

    def _hold_one_of(self, node: int, account: Account, client: int) -> None:
        """Let one of the clients of a tree get a token."""
        there = self.world.in_tree(account)
        if there:
            self.hold_a_token(node, there[client % len(there)])

    def account_body(self, account: Account) -> dict[str, object]:
        """Return an account as it must be shown."""
        return {
            "id": account.account_id,
            "parent_id": account.parent_id,
            "friendly_name": account.name,
            "owner_email": account.owner,
            "status": "SUSPENDED" if account.suspended else "ACTIVE",
            "date_created": rfc3339(account.created),
        }
