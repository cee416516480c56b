"""Whether a database is up: for those who can wait until it is."""

import ssl
from typing import Final

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has annotations, and no stubs

from clientry.errors import StorageUnavailable
from clientry.settings.database_url import DatabaseUrl
from clientry.storage.postgres.connection import connect, explained

_REFUSALS: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ssl.SSLCertVerificationError,
)
"""What a database answers that is up, and will answer the same next time."""


async def why_down(url: DatabaseUrl) -> str:
    """Return why a database cannot be reached now, "" where it can.

    Raises:
        ConfigurationError: it is up, and does not take us: waiting would not help.
    """
    with explained(url):
        try:
            connection = await connect(url)
        except StorageUnavailable as problem:
            if isinstance(problem.__cause__, _REFUSALS):
                raise
            return str(problem.__cause__) or str(problem)
        await connection.close(timeout=1)
        return ""
