"""Records to store."""

import itertools

from msgspec import structs

from clientry.randomness import SystemRandom
from clientry.records.account import Account, AccountStatus
from clientry.records.audit_event import Change
from clientry.records.client import Client, ClientType
from clientry.records.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, EVENT_PREFIX, SECRET_PREFIX, new_id
from clientry.records.secret import ClientSecret
from clientry.records.signing_key import Algorithm, SealedKey

NOW = 1_800_000_000

_seconds = itertools.count(NOW)


class Tick:
    """A clock that goes on by one second each time it is asked."""

    def now(self) -> float:
        return next(_seconds)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def identifier(prefix: str) -> str:
    return new_id(prefix, Tick(), SystemRandom())


def an_account(parent: Account | None = None, date_created: int = NOW) -> Account:
    account_id = identifier(ACCOUNT_PREFIX)
    path = (*(parent.path if parent else ()), account_id)
    return Account(account_id, path, "Name", "owner@example.com", AccountStatus.ACTIVE, date_created)


def a_client(account: Account, **fields: object) -> Client:
    client = Client(
        client_id=identifier(CLIENT_PREFIX),
        account_id=account.account_id,
        account_path=account.path,
        name="Name",
        client_owner="owner@example.com",
        client_type=ClientType.STANDARD,
        locked=None,
        enabled=True,
        products=(),
        resources=(),
        token_lifetime=3600,
        date_created=NOW,
    )
    return structs.replace(client, **fields)


def a_secret(client: Client, **fields: object) -> ClientSecret:
    secret = ClientSecret(identifier(SECRET_PREFIX), client.client_id, b"\1" + bytes(32), "abcd", NOW)
    return structs.replace(secret, **fields)


def a_signing_key(kid: str, date_created: int = NOW) -> SealedKey:
    return SealedKey(kid, Algorithm.ES256, b"\0sealed\xff", date_created, low_s=date_created % 2 == 1)


def a_change(account: Account, **fields: object) -> Change:
    change = Change(
        event_id=identifier(EVENT_PREFIX),
        account_id=account.account_id,
        operation="client.update",
        actor="operator",
        target="apiclient_x",
        before={"name": "ä", "locked": None},
        after={"name": "b\n", "locked": True},
        request_id="r",
        address="127.0.0.1",
        at=NOW,
    )
    return structs.replace(change, **fields)
