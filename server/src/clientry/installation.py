"""The beginning: a data directory with its key files, the root account, its first admin client and a signing key."""

import contextlib
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from clientry import files
from clientry.clock import Clock
from clientry.errors import ConfigurationError
from clientry.randomness import Random
from clientry.records import audit_event, signing_key
from clientry.records.account import Account, AccountStatus
from clientry.records.caller import Operator
from clientry.records.client import DEFAULT_TOKEN_LIFETIME, Client, ClientType
from clientry.records.idempotency import AnswerKeys
from clientry.records.identifier import ACCOUNT_PREFIX, CLIENT_PREFIX, new_id
from clientry.records.scope import RESOURCES
from clientry.records.signing_key import KeyEncryptionKey
from clientry.records.verifier import Pepper
from clientry.registry.drawn_secret import draw_secret
from clientry.registry.incarnations import AlreadyInstalled, install_once, new_incarnation
from clientry.registry.operation import Deed, Occasion, audited, draw_occasion
from clientry.settings import HiddenText, Settings
from clientry.storage import AlreadyTaken, Snapshot, Storage, Transaction
from clientry.storage.forms import LOW_S

KEY_BYTES = 32


class Keys(Struct, frozen=True):
    """What is kept outside the database.

    Attributes:
        pepper: the key of the secrets' hashes.
        key_encryption_key: what the signing keys are encrypted under.
        cursor_key: what page cursors are signed with; derived from the pepper, so that every node has the same.
        answer_keys: what answers to requests with an idempotency key are kept under; derived from both.
        checks: what each key makes of a constant: tells two keys apart, and tells nothing else about them.
    """

    pepper: Pepper
    key_encryption_key: KeyEncryptionKey
    cursor_key: bytes
    answer_keys: AnswerKeys
    checks: dict[str, bytes]

    def __repr__(self) -> str:
        return "Keys()"


class FirstClient(Struct, frozen=True):
    """The first admin client's credentials, shown once. The secret is in no repr."""

    account_id: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"FirstClient(client_id={self.client_id!r})"


def make_data_directory(settings: Settings) -> None:
    """Make the data directory, for its owner only, where there is none.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        files.make_folder(settings.data)
        if not any(settings.data.iterdir()):
            settings.data.chmod(0o700)
    except OSError as problem:
        raise _unwritable(problem, settings.data) from None


async def make_keys(storage: Storage, settings: Settings, random: Random) -> None:
    """Make the key files where they are missing and the database is still empty; what exists is never written over.

    Raises:
        ConfigurationError: the database is in use and one of its keys is missing, or a file cannot be written.
    """
    wanted = {settings.pepper_path: settings.pepper, settings.key_encryption_key_path: settings.key_encryption_key}
    kept = [path for path, given in wanted.items() if given is None]
    missing = [path for path in kept if not path.exists()]
    # Looked for again, because another node that starts just now may have made them; they are there before it installs.
    if missing and await is_installed(storage) and (missing := [path for path in kept if not path.exists()]):
        raise ConfigurationError(
            f"{missing[0]} is missing, and the database {settings.database_url} was made with it. Put it here, from the "
            "node or the safe that has it: a new one would not fit."
        )
    try:
        for path in missing:
            with contextlib.suppress(FileExistsError):  # another process has just made it
                files.write(path, random.bytes(KEY_BYTES).hex() + "\n")
    except OSError as problem:
        raise _unwritable(problem, settings.data) from None


def open_keys(settings: Settings) -> Keys:
    """Read the keys, from the settings or their files.

    Raises:
        ConfigurationError: one is missing, or is no key.
    """
    pepper = _given_key("CLIENTRY_PEPPER", settings.pepper) or _read_key(settings.pepper_path)
    key_encryption_key = _given_key("CLIENTRY_KEY_ENCRYPTION_KEY", settings.key_encryption_key) or _read_key(
        settings.key_encryption_key_path
    )
    return Keys(
        pepper=Pepper(pepper),
        key_encryption_key=KeyEncryptionKey(key_encryption_key),
        cursor_key=_derived(pepper, "page cursors"),
        answer_keys=AnswerKeys(_derived(pepper, "idempotency"), _derived(key_encryption_key, "idempotency")),
        checks={
            "pepper": _derived(pepper, "key check"),
            "key-encryption key": _derived(key_encryption_key, "key check"),
        },
    )


async def check_keys(storage: Storage, keys: Keys) -> None:
    """Check that the keys are those that the database was made with.

    Raises:
        ConfigurationError: one is another.
    """

    async def wrong(snapshot: Snapshot) -> list[str]:
        kept = {name: await snapshot.key_checks.get(name) for name in keys.checks}
        return [name for name, value in keys.checks.items() if kept[name] not in (None, value)]

    for name in await storage.read(wrong):
        raise ConfigurationError(
            f"The {name} is not the one that this database was made with. Give this node the same one as the others."
        )


async def note_keys(storage: Storage, keys: Keys) -> None:
    """Note in the database which keys belong to it, where that was not done yet."""

    async def body(transaction: Transaction) -> None:
        for name, value in keys.checks.items():
            if await transaction.key_checks.get(name) is None:
                await transaction.key_checks.add(name, value)

    with contextlib.suppress(AlreadyTaken):  # another node did it meanwhile
        await storage.write(body)


async def is_installed(storage: Storage) -> bool:
    """Tell whether the database has its root account."""
    return bool(await storage.read(lambda snapshot: snapshot.accounts.roots()))


async def install(
    storage: Storage,
    settings: Settings,
    keys: Keys,
    clock: Clock,
    random: Random,
    hand_over: Callable[[FirstClient], None],
) -> None:
    """Make the root account, its first admin client and the first signing key, all or nothing.

    Args:
        storage: the database.
        settings: how the account is called, and how secrets look.
        keys: what is kept outside the database.
        clock: the time.
        random: randomness.
        hand_over: is given the credentials when nothing but the commit can fail any more; if it raises, nothing was made.

    Raises:
        AlreadyInstalled: the database has a root account already; nothing was changed.
        StorageUnavailable: the database cannot be written.
    """
    occasions = draw_occasion(clock, random), draw_occasion(clock, random)
    caller, now = Operator(request_id=random.bytes(16).hex()), int(occasions[0].now)
    account = _root_account(new_id(ACCOUNT_PREFIX, clock, random), settings, now)
    client = _first_client(new_id(CLIENT_PREFIX, clock, random), account, now)
    drawn = draw_secret(client.client_id, settings.secret_prefix, now, clock, random)
    low_s = storage.forms.may_write(LOW_S)
    sealed = signing_key.generate(settings.signing_algorithm, now, low_s=low_s).seal(keys.key_encryption_key, random)
    first = FirstClient(account.account_id, client.client_id, drawn.client_secret)
    incarnation, handed = new_incarnation(random), False

    async def body(transaction: Transaction) -> None:
        nonlocal handed
        if await transaction.accounts.roots():
            raise AlreadyInstalled(f"{settings.data} is initialised already; nothing was changed.")
        await transaction.incarnations.add(incarnation)  # whoever comes second waits here, and is refused
        await _add_audited(transaction, caller, occasions, account, client)
        await transaction.secrets.add(await drawn.sealed(transaction, keys.pepper))
        await transaction.signing_keys.add(sealed)
        if not handed:
            hand_over(first)
            handed = True

    await install_once(storage, account.account_id, body, clock)


async def _add_audited(
    transaction: Transaction, caller: Operator, occasions: tuple[Occasion, Occasion], account: Account, client: Client
) -> None:
    await transaction.accounts.add(account)
    made = Deed("account.create", account.account_id, account.account_id, *audit_event.difference(None, account))
    await transaction.audit_events.append(audited(caller, made, occasions[0]))
    await transaction.clients.add(client)
    made = Deed("client.create", account.account_id, client.client_id, *audit_event.difference(None, client))
    await transaction.audit_events.append(audited(caller, made, occasions[1]))


def write_credentials(path: Path, text: str) -> None:
    """Write credentials to a file that only its owner can read; a file that is there is replaced.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        files.write(path, text, replace=True)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be written: {problem.strerror}.") from None


def _root_account(account_id: str, settings: Settings, now: int) -> Account:
    return Account(
        account_id=account_id,
        path=(account_id,),
        friendly_name=settings.account_name,
        owner_email=settings.owner_email,
        status=AccountStatus.ACTIVE,
        date_created=now,
    )


def _first_client(client_id: str, account: Account, now: int) -> Client:
    return Client(
        client_id=client_id,
        account_id=account.account_id,
        account_path=account.path,
        name="First admin client",
        client_owner=account.owner_email,
        client_type=ClientType.ADMIN,
        locked=None,
        enabled=True,
        products=(),
        resources=RESOURCES,
        token_lifetime=DEFAULT_TOKEN_LIFETIME,
        date_created=now,
    )


def _read_key(path: Path) -> bytes:
    try:
        return _key(f"The key file {path}", path.read_text("utf-8-sig", "replace"))
    except OSError as problem:
        raise ConfigurationError(f"The key file {path} cannot be read: {problem.strerror}.") from None


def _given_key(variable: str, given: HiddenText | None) -> bytes | None:
    return None if given is None else _key(f"The variable {variable}", given.text)


def _key(where: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{where} must hold {KEY_BYTES} bytes in hexadecimal.")
    return key


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"clientry {purpose}".encode(), hashlib.sha256)


def _unwritable(problem: OSError, place: Path) -> ConfigurationError:
    return ConfigurationError(f"{problem.filename or place} cannot be written: {problem.strerror}.")
