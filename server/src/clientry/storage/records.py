"""The protocols of storage over anything that runs SQL: the same for every engine."""

from collections.abc import Sequence

from clientry.records.audit_event import GENESIS, AuditEvent, Change, chain
from clientry.records.incarnation import EventPlace, Incarnation
from clientry.records.secret import ClientSecret, UsedSecret
from clientry.records.signing_key import SealedKey
from clientry.storage import Credentials, Form, SecretUse, Slice
from clientry.storage import database_statements as whole
from clientry.storage import statements as sql
from clientry.storage.account_records import Accounts
from clientry.storage.client_records import Clients
from clientry.storage.deleted_clients import DeletedClients
from clientry.storage.migration import Applied, Stage
from clientry.storage.rows import (
    Row,
    client_of,
    event_of,
    event_row,
    incarnation_of,
    incarnation_row,
    secret_row,
    secrets_of,
    signing_key_of,
    used_secret_of,
)
from clientry.storage.session import Session, slice_of
from clientry.storage.tables import CLIENT_SECRETS


class Secrets:
    """`SecretWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def of(self, client_id: str) -> tuple[ClientSecret, ...]:
        """Return every secret that is kept of a client, oldest first."""
        rows = await self._session.run(sql.SECRETS_OF, (client_id,))
        return tuple(ClientSecret(row[0], row[1], bytes(row[2]), *row[3:]) for row in rows)

    async def used(self, client_id: str, since_hour: int) -> tuple[UsedSecret, ...]:
        """Return the same with how they are used, counted from an hour on."""
        return tuple(used_secret_of(row) for row in await self._session.run(sql.SECRETS_USED, (since_hour, client_id)))

    async def silent(self, now: int, after: str, limit: int) -> tuple[str, ...]:
        """Return ids of clients behind `after` that have a secret which ends because nobody uses it."""
        return tuple(row[0] for row in await self._session.run(sql.SECRETS_SILENT, (now, after, limit)))

    async def replace(self, secret: ClientSecret) -> None:
        """Change when a secret ends."""
        row = (secret.expires_at, secret.grace, secret.silence, secret.client_id, secret.secret_id)
        await self._session.run(sql.SECRET_REPLACE, row)

    async def note_uses(self, uses: Sequence[SecretUse]) -> None:
        """Add up uses, in an order that is the same for all, so that no two writers wait for each other."""
        ordered = sorted(uses, key=lambda use: (use.client_id, use.secret_id))
        await self._session.run_each(
            sql.SECRET_NOTE_USE,
            [(use.last_used_at, use.address, use.user_agent, use.client_id, use.secret_id) for use in ordered],
        )
        await self._session.run_each(
            sql.SECRET_COUNT_USES, [(use.client_id, use.secret_id, use.hour, use.uses) for use in ordered]
        )

    async def forget_uses(self, before_hour: int, limit: int) -> int:
        """Delete at most `limit` sums of hours before one, and return how many there were."""
        return len(await self._session.run(sql.SECRET_FORGET_USES, (before_hour, limit)))

    async def delete(self, secret: ClientSecret) -> None:
        """Delete a secret."""
        await self._session.run(sql.SECRET_DELETE, (secret.client_id, secret.secret_id))

    async def add(self, secret: ClientSecret) -> None:
        """Add a secret to its client."""
        await self._session.run(sql.SECRET_ADD, secret_row(secret))

    async def add_all(self, secrets: Sequence[ClientSecret]) -> None:
        """Add secrets to many clients."""
        rows = [secret_row(secret) for secret in secrets]
        await self._session.insert(CLIENT_SECRETS, [(row[1], row[0], *row[2:], None, None, None) for row in rows])


class SigningKeys:
    """`SigningKeyWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> tuple[SealedKey, ...]:
        """Return every signing key, oldest first."""
        return tuple(signing_key_of(row) for row in await self._session.run(sql.SIGNING_KEY_ALL))

    async def add(self, key: SealedKey) -> None:
        """Add a signing key."""
        row = (key.kid, key.algorithm.value, key.sealed, key.date_created, key.low_s)
        await self._session.run(sql.SIGNING_KEY_ADD, row)


class KeyChecks:
    """`KeyCheckWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, name: str) -> bytes | None:
        """Return the value of a check, None where there is none."""
        rows = await self._session.run(sql.KEY_CHECK_GET, (name,))
        return bytes(rows[0][0]) if rows else None

    async def add(self, name: str, value: bytes) -> None:
        """Add a check."""
        await self._session.run(sql.KEY_CHECK_ADD, (name, value))


class Answers:
    """`AnswerWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, digest: bytes, now: int) -> bytes | None:
        """Return the sealed answer, None where there is none or it has expired."""
        rows = await self._session.run(sql.ANSWER_GET, (digest, now))
        return bytes(rows[0][0]) if rows else None

    async def claim(self, digest: bytes, now: int, expires_at: int) -> bool:
        """Take a digest, and tell whether it was free."""
        return bool(await self._session.run(sql.ANSWER_CLAIM, (digest, b"", expires_at, now)))

    async def fill(self, digest: bytes, sealed: bytes) -> None:
        """Keep the answer under a digest that this transaction has claimed."""
        await self._session.run(sql.ANSWER_FILL, (sealed, digest))

    async def confirm(self, digest: bytes, now: int) -> bytes | None:
        """Return the sealed answer, and write it once more."""
        rows = await self._session.run(sql.ANSWER_CONFIRM, (digest, now))
        return bytes(rows[0][0]) if rows else None

    async def purge(self, now: int, limit: int) -> int:
        """Delete at most `limit` answers that have expired, and return how many there were."""
        return len(await self._session.run(sql.ANSWERS_PURGE, (now, limit)))


class AuditEvents:
    """`AuditWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.last: EventPlace | None = None

    async def slice(self, account_id: str, after: int, limit: int) -> Slice[AuditEvent]:
        """Return at most `limit` events of the account with a sequence greater than `after`, oldest first."""
        return slice_of(await self._session.run(sql.AUDIT_SLICE, (account_id, after, limit + 1)), limit, event_of)

    async def accounts(self, after: str, limit: int) -> Slice[str]:
        """Return at most `limit` ids of accounts that have events, also of deleted ones, behind `after`, oldest first."""
        rows = await self._session.run(sql.AUDIT_ACCOUNTS, (after, limit + 1))
        return slice_of(rows, limit, lambda row: row[0])

    async def has(self, place: EventPlace) -> bool:
        """Tell whether this very event is at its place."""
        rows = await self._session.run(sql.AUDIT_SLICE, (place.account_id, place.sequence - 1, 1))
        return bool(rows) and (rows[0][1], bytes(rows[0][12])) == (place.sequence, place.hash)

    async def append(self, change: Change) -> AuditEvent:
        """Put a change at the end of the chain of its account."""
        if self._session.dialect.lock_account:
            await self._session.run(self._session.dialect.lock_account, (change.account_id,))
        rows = await self._session.run(sql.AUDIT_HEAD, (change.account_id,))
        sequence, previous_hash = rows[0] if rows else (0, GENESIS)
        event = chain(change, sequence + 1, bytes(previous_hash))
        await self._session.run(sql.AUDIT_ADD, event_row(event))
        self.last = EventPlace(change.account_id, event.sequence, event.hash)
        return event


class Verifiers:
    """`VerifierWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def count(self, tag: bytes) -> int:
        """Return how many verifiers begin with this byte."""
        return int((await self._session.run(sql.VERIFIERS_COUNT, (tag,), scans=True))[0][0])

    async def slice(self, tag: bytes, after: tuple[str, str], limit: int) -> tuple[ClientSecret, ...]:
        """Return the secrets of at most `limit` of them, ordered by client and secret id, behind a pair of both."""
        rows = await self._session.run(sql.VERIFIERS_SLICE, (tag, *after, limit), scans=True)
        return tuple(ClientSecret(row[0], row[1], bytes(row[2]), *row[3:]) for row in rows)

    async def replace_all(self, new: Sequence[tuple[ClientSecret, bytes]]) -> None:
        """Give secrets other verifiers; one that is gone, or has another than was read, is passed over."""
        rows = [(verifier, old.client_id, old.secret_id, old.verifier) for old, verifier in new]
        await self._session.run_each(sql.VERIFIER_SET, rows)


class FormRecords:
    """`FormReads`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def may_write(self, form: Form) -> bool:
        """Tell whether every program that uses the database understands a form; holds until the transaction ends."""
        if self._session.forms.may_write(form):
            return True
        rows = await self._session.run(sql.migration_held(self._session.dialect), (form.migration,))
        return any(Applied(*row).stage is not Stage.SHARED for row in rows)


class Incarnations:
    """`IncarnationWrites`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self) -> Incarnation | None:
        """Return the incarnation, None where there is none yet."""
        rows = await self._session.run(whole.INCARNATION_GET)
        return incarnation_of(rows[0]) if rows else None

    async def add(self, incarnation: Incarnation) -> None:
        """Begin the first one."""
        await self._session.run(whole.INCARNATION_ADD, incarnation_row(incarnation))

    async def replace(self, incarnation: Incarnation) -> None:
        """Begin the next one."""
        await self._session.run(whole.INCARNATION_REPLACE, incarnation_row(incarnation))

    async def note(self, event: EventPlace) -> None:
        """Say of an audit event that it is in the database."""
        await self._session.run(whole.INCARNATION_NOTE, (event.account_id, event.sequence, event.hash))


class Records:
    """`Snapshot` and `Transaction`: the records of one session."""

    def __init__(self, session: Session) -> None:
        self.clients = Clients(session)
        self.deleted_clients = DeletedClients(session)
        self.secrets = Secrets(session)
        self.accounts = Accounts(session)
        self.signing_keys = SigningKeys(session)
        self.key_checks = KeyChecks(session)
        self.answers = Answers(session)
        self.audit_events = AuditEvents(session)
        self.forms = FormRecords(session)
        self.verifiers = Verifiers(session)
        self.incarnations = Incarnations(session)


def credentials_of(rows: list[Row]) -> Credentials | None:
    """Read a client with its secrets."""
    if not rows:
        return None
    return Credentials(client_of(rows[0]), secrets_of(rows))
