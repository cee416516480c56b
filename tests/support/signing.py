"""The server's own signing key, taken as only its operator can: from the database, with the key-encryption key."""

import asyncio
from pathlib import Path

from clientry.installation import open_keys
from clientry.records.signing_key import SealedKey, SigningKey, b64, unb64, unseal
from clientry.settings import load
from clientry.storage import Snapshot
from clientry.storage.engines import open_storage

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def newest_signing_key(data: Path) -> SigningKey:
    """Return the newest signing key of a data directory, whether or not a server is running on it."""
    settings = load({"data": data}, {}).settings

    async def stored(snapshot: Snapshot) -> SealedKey:
        return (await snapshot.signing_keys.all())[-1]

    async def read() -> SealedKey:
        storage = await open_storage(settings.database_url, 1)
        try:
            return await storage.read(stored)
        finally:
            await storage.close()

    return unseal(asyncio.run(read()), open_keys(settings).key_encryption_key)


def twin(token: str) -> str:
    """Return the other spelling of a token, which anybody can write: the signature (r, order - s)."""
    signed, _, signature = token.rpartition(".")
    octets = unb64(signature.encode())
    assert octets is not None
    other = P256_ORDER - int.from_bytes(octets[32:])
    return f"{signed}.{b64(octets[:32] + other.to_bytes(32)).decode()}"
