"""Requests about the secrets of clients."""

import uuid

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model.machine import Tenants, node, pick
from tests.model.world import DAY, MAX_WAIT, Client, Secret, Token, is_safe

from clientry.clock import rfc3339

endings = st.fixed_dictionaries(
    {"others_end_after": st.sampled_from([0, 3600, 86_400])},
    optional={
        "others_end_counted_from": st.sampled_from(["creation", "first_use"]),
        "others_end_when_silent_for": st.sampled_from([3600, 86_400]),
        "expires_at": st.just(200_000),
    },
)


class SecretRules(Tenants):
    """What admin clients do with secrets."""

    @rule(node=node, who=pick, narrowed=pick, client=pick, new=endings, retried=st.booleans())
    def a_secret_is_made(
        self, node: int, who: int, narrowed: int, client: int, new: dict[str, object], retried: bool
    ) -> None:
        target = self.client_at(client)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        ends_at = int(self.now) + 200_000 if "expires_at" in new else None
        sent = new if ends_at is None else {**new, "expires_at": rfc3339(ends_at)}
        key = uuid.uuid4().hex if retried else None
        path = f"/v1/clients/{target.client_id}/secrets"
        reply = self.ask(node, token, "POST", path, sent, key)
        first_use = new.get("others_end_counted_from") == "first_use"
        after = int(str(new["others_end_after"]))
        staying = target.live(self.now) if first_use or after else []
        if not self.sees(token, target):
            assert reply.status == 404
            return
        if target.locked or len(staying) >= 2 or (ends_at is not None and self.world.is_last_admin(target)):
            assert reply.status == 409, reply
            return
        assert reply.status == 201, reply
        if retried:
            again = self.ask(1 - node, token, "POST", path, sent, key)
            assert (again.status, again.json) == (201, reply.json)
        silence = new.get("others_end_when_silent_for")
        for old in staying:
            old.ends(int(self.now) + after + (MAX_WAIT if first_use else 0))
            old.grace = after if first_use else None
            old.silence = None if silence is None else int(str(silence))
        made = reply.json
        target.secrets = [*staying, Secret(made["secret_id"], made["client_secret"], int(self.now), ends_at)]
        self._list(1 - node, token, target)

    @rule(node=node, who=pick, narrowed=pick, client=pick, secret=pick)
    def a_secret_is_ended(self, node: int, who: int, narrowed: int, client: int, secret: int) -> None:
        target = self.client_at(client)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        known = target.secrets[secret % len(target.secrets)] if target.secrets else None
        secret_id = "secret_" + "0" * 26 if known is None else known.secret_id
        reply = self.ask(node, token, "DELETE", f"/v1/clients/{target.client_id}/secrets/{secret_id}")
        live = target.live(self.now)
        if not self.sees(token, target) or known not in live:
            assert reply.status == 404
        elif self._must_stay(target, [one for one in live if one is not known]):
            assert reply.status == 409
        else:
            assert reply.status == 204
            target.secrets = [one for one in target.secrets if one is not known]
            self._list(1 - node, token, target)

    def _must_stay(self, target: Client, others: list[Secret]) -> bool:
        """Tell whether a secret cannot be ended, because of which others there are."""
        endless = any(one.expires_at is None for one in others)
        return (not others and target.enabled) or (not endless and self.world.is_last_admin(target))

    @rule(node=node, who=pick, narrowed=pick, client=pick, new=st.booleans())
    def a_client_is_contained(self, node: int, who: int, narrowed: int, client: int, new: bool) -> None:
        target = self.client_at(client)
        self.hold_a_token(node, target)
        token = self.acting(node, who, narrowed, target.account)
        if token is None:
            return
        path = f"/v1/clients/{target.client_id}/contain"
        reply = self.ask(node, token, "POST", path, {"new_secret": new})
        if not self.sees(token, target):
            assert reply.status == 404
        elif target.locked if new else target is token.client or self.world.is_last_admin(target):
            assert reply.status == 409
        else:
            assert reply.status == (201 if new else 200)
            made = reply.json
            self.world.revoke(client=target)
            target.secrets = [Secret(made["secret_id"], made["client_secret"], int(self.now))] if new else []
            if target is not token.client:
                self._list(1 - node, token, target)

    @rule(node=node, who=pick, narrowed=pick, client=pick, seconds=st.sampled_from([0.0, 0.75, 30.0]))
    def a_new_secret_is_used(self, node: int, who: int, narrowed: int, client: int, seconds: float) -> None:
        """Do what a grace period waits for, if there is one that waits."""
        waiting = [one for one in self.world.clients if any(each.grace is not None for each in one.live(self.now))]
        if not waiting:
            return
        target = waiting[client % len(waiting)]
        self.nodes.clock.time += seconds
        self.hold_a_token(node, target)
        self.uses_are_written(node)
        token = self.acting(node, who, narrowed, target.account)
        if token is not None:
            self._list(1 - node, token, target)

    @rule(node=node, who=pick, narrowed=pick, client=pick)
    def secrets_are_listed(self, node: int, who: int, narrowed: int, client: int) -> None:
        target = self.client_at(client)
        token = self.acting(node, who, narrowed, target.account)
        if token is not None:
            self._list(node, token, target)

    def _list(self, node: int, token: Token, target: Client) -> None:
        """List the secrets of a client and compare."""
        reply = self.ask(node, token, "GET", f"/v1/clients/{target.client_id}/secrets")
        assert reply.status == (200 if self.sees(token, target) else 404)
        if reply.status == 200:
            live = target.live(self.now)
            assert reply.json["secrets"] == [
                found | self._secret_body(secret, target)
                for found, secret in zip(reply.json["secrets"], live, strict=True)
            ]

    def _secret_body(self, secret: Secret, client: Client) -> dict[str, object]:
        since = int(self.now - DAY) // 3600
        used = None if secret.last_used is None else rfc3339(secret.last_used)
        return {
            "secret_id": secret.secret_id,
            "hint": secret.text[-4:],
            "date_created": rfc3339(secret.created),
            "expires_at": None if secret.expires_at is None else rfc3339(secret.expires_at),
            "ends_after_first_use_of_newer": secret.grace,
            "ends_when_silent_for": secret.silence,
            "last_used": None if used is None else {"at": used, "address": "192.0.2.1", "user_agent": ""},
            "uses_last_24_hours": sum(count for hour, count in secret.hours.items() if hour >= since),
            "safe_to_retire": is_safe(secret, client.live(self.now), self.now),
        }
