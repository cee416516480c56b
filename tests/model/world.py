"""The registry as a model in memory: what there is, who may act, and what every change does. It knows no cut-offs and no SQL."""

from collections import Counter
from dataclasses import dataclass, field

MAX_WAIT = 2_592_000
WINDOW = 2_592_000
DAY = 86_400


@dataclass(eq=False)
class Account:
    """An account; `above` is None for the one below which everything of a run stands."""

    account_id: str
    above: "Account | None"
    name: str
    owner: str
    parent_id: str
    created: int
    suspended: bool = False
    deleted: bool = False

    @property
    def path(self) -> list["Account"]:
        """The account itself and those above it."""
        return [self, *(self.above.path if self.above else [])]

    @property
    def stopped(self) -> bool:
        """Whether it, or one above it, is suspended."""
        return any(account.suspended for account in self.path)

    def covers(self, other: "Account") -> bool:
        """Tell whether another account is this one or below it."""
        return self in other.path


@dataclass(eq=False)
class Secret:
    """A client's secret."""

    secret_id: str
    text: str
    created: int
    expires_at: int | None = None
    grace: int | None = None
    silence: int | None = None
    last_used: int | None = None
    hours: Counter[int] = field(default_factory=Counter[int])

    def is_live(self, now: float) -> bool:
        """Tell whether it is accepted."""
        return self.expires_at is None or now < self.expires_at

    def is_older(self, other: "Secret") -> bool:
        """Tell whether it was made before another one."""
        return (self.created, self.secret_id) < (other.created, other.secret_id)

    def ends(self, at: int) -> None:
        """Give it an end, which is never put off."""
        self.expires_at = at if self.expires_at is None else min(at, self.expires_at)


@dataclass(eq=False)
class Client:
    """A client with what it has."""

    client_id: str
    account: Account
    admin: bool
    name: str
    created: int
    secrets: list[Secret]
    locked: bool | None = False
    enabled: bool = True
    lifetime: int = 3600
    expires_at: int | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])
    deleted_at: int | None = None
    purged: bool = False

    def has_expired(self, now: float) -> bool:
        """Tell whether its end has come."""
        return self.expires_at is not None and now >= self.expires_at

    def may_act(self, now: float) -> bool:
        """Tell whether it gets tokens and answers."""
        return self.deleted_at is None and self.enabled and not self.has_expired(now) and not self.account.stopped

    def can_manage(self) -> bool:
        """Tell whether it can manage its account, and those below, for good."""
        lasting = self.enabled and self.deleted_at is None and self.expires_at is None
        return (
            self.admin and lasting and not self.account.stopped and any(one.expires_at is None for one in self.secrets)
        )

    def live(self, now: float) -> list[Secret]:
        """Return its live secrets, the oldest first."""
        found = [one for one in self.secrets if one.is_live(now)]
        return sorted(found, key=lambda one: (one.created, one.secret_id))


@dataclass(eq=False)
class Token:
    """An access token, for an account that is its client's own or below it."""

    text: str
    client: Client
    account: Account
    exp: int
    revoked: bool = False

    def is_good(self, now: float) -> bool:
        """Tell whether it is accepted."""
        return not self.revoked and now < self.exp and self.client.may_act(now) and not self.account.deleted


@dataclass
class Uses:
    """What a node holds of the use of a secret and has not written."""

    client: Client
    count: int = 0
    last: int = 0
    first_awaited: int | None = None


class World:
    """Everything that a run has made, and the rules."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.clients: list[Client] = []
        self.tokens: list[Token] = []
        self.held: tuple[dict[Secret, Uses], dict[Secret, Uses]] = ({}, {})

    # Who may

    def in_tree(self, account: Account) -> list[Client]:
        """Return the clients of a tree that are not deleted."""
        return [one for one in self.clients if one.deleted_at is None and account.covers(one.account)]

    def is_managed(self, accounts: list[Account], without: Client | None = None) -> bool:
        """Tell whether somebody can manage one of these accounts for good; what is outside this world, nobody here stops."""
        return any(one.can_manage() and one.account in accounts and one is not without for one in self.clients)

    def is_last_admin(self, client: Client) -> bool:
        """Tell whether nobody could manage a client's account without it, and with it somebody can."""
        return client.can_manage() and not self.is_managed(client.account.path, client)

    def loses_its_admins(self, account: Account) -> bool:
        """Tell whether nobody above an account could manage what somebody can who would be suspended with it."""
        below = [one for one in self.accounts if account.covers(one)]
        return not self.is_managed(account.path[1:]) and self.is_managed(below)

    # What changes do

    def revoke(self, *, client: Client | None = None, account: Account | None = None) -> None:
        """Revoke the tokens of a client, or those of the clients of a tree and those that are for an account of it."""
        for token in self.tokens:
            own = client is token.client
            within = account is not None and (account.covers(token.client.account) or account.covers(token.account))
            token.revoked = token.revoked or own or within

    def use(self, node: int, client: Client, secret: Secret, now: float) -> None:
        """Note the use of a secret on a node."""
        held = self.held[node].setdefault(secret, Uses(client))
        held.count += 1
        held.last = int(now)
        awaited = any(one.grace is not None and one.is_older(secret) for one in client.secrets)
        if awaited and held.first_awaited is None:
            held.first_awaited = int(now)

    def write_uses(self, node: int) -> None:
        """Write what a node holds: grace periods begin."""
        for secret, held in self.held[node].items():
            client = held.client
            if held.first_awaited is not None and client.deleted_at is None and secret in client.secrets:
                for one in client.secrets:
                    if one.grace is not None and one.is_older(secret):
                        one.ends(held.first_awaited + one.grace)
                        one.grace = None
            if secret.last_used is None or secret.last_used <= held.last:
                secret.last_used = held.last
            secret.hours[held.last // 3600] += held.count
        self.held[node].clear()

    def tidy(self, now: float) -> None:
        """Do what happens by itself."""
        for client in self.clients:
            if client.deleted_at is not None:
                if client.deleted_at <= int(now) - WINDOW:
                    client.purged = True
                continue
            if client.enabled and client.has_expired(int(now)):
                client.enabled = False
                self.revoke(client=client)
            live = client.live(now)
            retired = [one for one in live if is_retired(one, live, now)]
            client.secrets = [one for one in client.secrets if one not in retired]


def is_retired(secret: Secret, live: list[Secret], now: float) -> bool:
    """Tell whether a live secret was silent for as long as it may be while a newer one is in use."""
    newer = [one for one in live if secret.is_older(one)]
    if secret.silence is None or all(one.last_used is None for one in newer):
        return False
    since = max(secret.last_used or 0, *(one.created for one in newer))
    return int(now) >= (secret.last_used or secret.created) + secret.silence and now >= since + secret.silence


def is_safe(secret: Secret, live: list[Secret], now: float) -> bool:
    """Tell the verdict on a live secret."""
    newer = [one for one in live if secret.is_older(one)]
    in_use = any(one.last_used is not None for one in newer)
    return in_use and (secret.last_used is None or secret.last_used <= now - DAY)
