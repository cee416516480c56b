"""The database of a data directory, opened beside the server that works on it: for what no operation does."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from clientry.settings import load
from clientry.storage import Storage
from clientry.storage.engines import open_storage


@asynccontextmanager
async def storage_of(data: Path) -> AsyncGenerator[Storage]:
    """Open the database, and close it again."""
    storage = await open_storage(load({"data": data}, {}).settings.database_url, 1)
    try:
        yield storage
    finally:
        await storage.close()
