"""Signing keys over time: which there are, and the making of the one that is needed."""

from clientry.clock import Clock
from clientry.errors import ConfigurationError
from clientry.randomness import Random
from clientry.records.access_token import TokenType
from clientry.records.signing_key import (
    Algorithm,
    KeyEncryptionKey,
    KeyRing,
    SealedKey,
    SigningKey,
    WrongKey,
    generate,
    unseal,
)
from clientry.storage import Snapshot, Storage, Transaction
from clientry.storage.forms import LOW_S


async def open_key_ring(
    storage: Storage, kek: KeyEncryptionKey, algorithm: Algorithm, typ: TokenType, clock: Clock, random: Random
) -> KeyRing:
    """Return every signing key, making the first one of an algorithm where there is none yet.

    Keys of another algorithm stay in the ring, so that tokens signed before a change of algorithm stay good.

    Args:
        storage: where they are.
        kek: what they are encrypted under.
        algorithm: of the one that signs.
        typ: what the headers of new tokens say.
        clock: dates a new key.
        random: for its encryption.

    Raises:
        ConfigurationError: the key-encryption key does not open the keys.
    """
    stored = await storage.read(_all)
    if all(key.algorithm is not algorithm for key in stored):
        low_s = storage.forms.may_write(LOW_S)
        sealed = generate(algorithm, clock.now(), low_s=low_s).seal(kek, random)
        await storage.write(lambda transaction: _add_if_missing(transaction, sealed))
        stored = await storage.read(_all)
    keys = tuple(_open(key, kek) for key in stored)  # not while the database waits: one of RSA takes long to check
    return KeyRing(keys, algorithm, typ)


async def _all(snapshot: Snapshot) -> tuple[SealedKey, ...]:
    return await snapshot.signing_keys.all()


async def _add_if_missing(transaction: Transaction, sealed: SealedKey) -> None:
    root = await transaction.accounts.root()
    if root is not None:
        await transaction.accounts.claim(
            root.account_id
        )  # another node that starts with the same change waits, and then sees it
    if all(key.algorithm is not sealed.algorithm for key in await transaction.signing_keys.all()):
        await transaction.signing_keys.add(sealed)


def _open(key: SealedKey, kek: KeyEncryptionKey) -> SigningKey:
    try:
        return unseal(key, kek)
    except WrongKey:
        raise ConfigurationError(
            f"The key-encryption key does not open the signing key {key.kid} of this database. "
            "Give the one that this database was made with."
        ) from None
