"""Fixtures of the storage tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the server does."""
    return "asyncio"
