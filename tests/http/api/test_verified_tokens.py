"""Verified tokens are remembered by their whole text, and only so many."""

import json
from pathlib import Path

import pytest
from tests.support.registry import Registry, access_token, token_part
from tests.support.wire import Reply, bearer, send

from clientry.clock import SystemClock
from clientry.http.api.bearer import MAX_VERIFIED, BearerAuthentication
from clientry.records.access_token import Issuer
from clientry.records.product import Catalogue
from clientry.records.signing_key import KeyRing, SigningKey, b64
from clientry.storage.sqlite import SqliteStorage
from clientry.storage.sqlite.schema import migrate


def ping(registry: Registry, token: str) -> Reply:
    return send(registry.url, "GET", "/v1/ping", [bearer(token)])


def test_a_token_that_was_good_is_good_under_its_own_signature_only(registry: Registry) -> None:
    """After the genuine token was used, the same header and payload under another signature are refused."""
    genuine, other = (access_token(registry.url, registry.admin) for _ in range(2))
    signed, _, signature = genuine.rpartition(".")
    assert ping(registry, genuine).status == 200
    for forged in (b64(bytes(64)).decode(), other.rpartition(".")[2], signature[::-1], ""):
        assert ping(registry, f"{signed}.{forged}").status == 401
    assert ping(registry, genuine).status == 200


@pytest.mark.anyio
async def test_only_so_many_verified_tokens_are_remembered(
    registry: Registry, server_key: SigningKey, tmp_path: Path
) -> None:
    """More distinct good tokens than the bound leave no more than it, and each of them is still good."""
    migrate(tmp_path / "clientry.db")
    storage = SqliteStorage(tmp_path / "clientry.db")
    ring, issuer = KeyRing([server_key], server_key.algorithm), Issuer(registry.url, Catalogue(()))
    bearer_authentication = BearerAuthentication(storage, ring, issuer, SystemClock())
    claims = token_part(access_token(registry.url, registry.admin), 1)

    def remembered(number: int) -> int:
        """Use a token, and return how many are remembered."""
        payload = json.dumps({**claims, "jti": f"{number}"}, separators=(",", ":")).encode()
        assert bearer_authentication._claims(server_key.sign(payload)).jti == f"{number}"
        return len(bearer_authentication._verified)

    try:
        assert max(map(remembered, range(MAX_VERIFIED + 5))) == MAX_VERIFIED
        assert remembered(0) == MAX_VERIFIED
    finally:
        await storage.close()
