"""Canaries: secrets and tokens go everywhere that people put them, rightly and wrongly, and then are looked for.

CVE-2024-8365 (a token in clear in a log after a refactoring), CVE-2025-4166 (an error that echoed a secret).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

import pytest
from tests.support.postgres import Postgres
from tests.support.registry import Registry
from tests.support.server import Server, clientry
from tests.support.wire import FORM, TOKEN_PATH, Reply, basic, bearer, send

from clientry.randomness import SystemRandom
from clientry.records.secret import generate

LIST = "/v1/clients?page_size=1&page_number=1"
JSON = ("Content-Type", "application/json")


class Attempt(NamedTuple):
    """One request that carries a secret."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


def at_the_token_endpoint(secret: str, client_id: str) -> Iterator[Attempt]:
    """Put a secret into every parameter, header and the URL of a token request."""
    grant = {"grant_type": "client_credentials", "client_id": client_id}
    forms = [
        {**grant, "client_secret": secret},
        {**grant, "client_secret": secret + "x"},
        {**grant, "client_secret": secret, "scope": "unknown"},
        {"grant_type": secret, "client_id": secret, "client_secret": client_id},
        {**grant, "client_secret": secret, "scope": secret},
        {**grant, "client_secret": secret, "grant_type": secret},
        {**grant, "client_assertion": secret},
        {**grant, secret: secret},
    ]
    for form in forms:
        yield Attempt("POST", TOKEN_PATH, (("Content-Type", FORM),), urlencode(form).encode())
    for header in (
        basic(client_id, secret),
        basic(secret, client_id),
        bearer(secret),
        ("Authorization", f"Basic {secret}"),
    ):
        yield Attempt("POST", TOKEN_PATH, (("Content-Type", FORM), header), b"grant_type=client_credentials")
    query = urlencode({**grant, "client_secret": secret})
    yield Attempt("POST", f"{TOKEN_PATH}?{query}", (("Content-Type", FORM),), b"grant_type=client_credentials")
    yield Attempt("GET", f"{TOKEN_PATH}?{query}")
    yield Attempt("POST", TOKEN_PATH, (("Content-Type", secret),), secret.encode())
    yield Attempt("POST", TOKEN_PATH, (("Content-Type", FORM),), f"a={secret}&a={secret}&%zz".encode())


def in_paths_queries_and_headers(secret: str, admin: tuple[str, str]) -> Iterator[Attempt]:
    """Put a secret into every piece of a path, every parameter of the list, and headers that servers like to log."""
    for prefix in ("", "/v1", "/v1/clients", "/errors", "/docs", "/docs/assets", "/.well-known", TOKEN_PATH):
        yield Attempt("GET", f"{prefix}/{quote(secret)}", (admin,))
        yield Attempt("DELETE", f"{prefix}/{quote(secret)}/x", (admin,))
    for name in (
        "page_size",
        "page_number",
        "cursor",
        "client_type",
        "account_id",
        "name",
        "status",
        "access_token",
        secret,
    ):
        yield Attempt("GET", f"{LIST}&{urlencode({name: secret})}", (admin,))
    for name in (
        "X-Request-Id",
        "User-Agent",
        "Referer",
        "Cookie",
        "Origin",
        "If-Match",
        "Host",
        "X-Api-Key",
        "Forwarded",
    ):
        yield Attempt("GET", "/v1/clients/x", (admin, (name, secret)))
    for value in (secret, f"Bearer {secret}", f"Bearer {secret} x", f"Basic {secret}", f"Token {secret}"):
        yield Attempt("GET", LIST, (("Authorization", value),))


def in_bodies(secret: str, admin: tuple[str, str], client_id: str) -> Iterator[Attempt]:
    """Put a secret into every field of every body, where it is of no use."""
    good = {"name": "canary", "locked": False, "scopes": {}}
    wrong_create = [
        {**good, "name": secret + "\0"},
        {**good, "locked": secret},
        {**good, "scopes": secret},
        {**good, "scopes": {"products": [secret]}},
        {**good, "scopes": {secret: []}},
        {**good, "account_id": secret},
        {**good, "client_secret": secret},
        {**good, secret: secret},
        [secret],
    ]
    wrong_update = [
        {"client_owner": secret},
        {"token_lifetime": secret},
        {"enabled": secret},
        {"scopes": {"products": [secret]}},
        {"client_secret": secret},
        {secret: 1},
    ]
    wrong_account = [
        {"friendly_name": "canary", "owner_email": secret},
        {"friendly_name": secret + "\n\0", "owner_email": "a@b.example"},
        {"friendly_name": "canary", "owner_email": "a@b.example", "parent_id": secret},
    ]
    bodies = [("POST", "/v1/clients", body) for body in wrong_create]
    bodies += [("PATCH", f"/v1/clients/{client_id}", body) for body in wrong_update]
    bodies += [("POST", "/v1/accounts", body) for body in wrong_account]
    for method, path, body in bodies:
        yield Attempt(method, path, (admin, JSON), json.dumps(body).encode())
    for raw in (secret, f'{{"{secret}":1,"{secret}":2}}', f'"{secret}', f'{{"name":{secret}}}'):
        yield Attempt("POST", "/v1/clients", (admin, JSON), raw.encode())


def is_in(secret: str, text: bytes) -> bool:
    """Tell whether a secret, or its end, is somewhere in a text."""
    return secret[-24:].encode() in text


@pytest.mark.parametrize(("log_format", "engine"), [("json", "sqlite"), ("console", "postgresql")])
def test_cve_2024_8365_cve_2025_4166_no_secret_is_anywhere(
    start_server: Callable[..., Server], postgres: Postgres, tmp_path: Path, log_format: str, engine: str
) -> None:
    """After all of them, no secret or token is in an answer, the log, the audit trail, the database or the process."""
    environment = {"CLIENTRY_LOG_LEVEL": "debug", "CLIENTRY_LOG_FORMAT": log_format}
    url = postgres.new_database() if engine == "postgresql" else None
    server = start_server(tmp_path / "data", env=environment, database=url)
    registry = Registry(server.url, server.admin)
    client = registry.create()
    made = clientry("clients", "create", "--name", "canary", data=server.data)
    admin = bearer(server.token(*server.admin))
    canaries = {
        "the admin client's secret": server.admin.client_secret,
        "a client's secret": client.client_secret,
        "a secret from the command line": made["client_secret"],
        "a secret that is nobody's": generate(SystemRandom()),
        "a secret with another prefix": generate(SystemRandom(), "another-prefix_"),
        "an access token": server.token(*client),
        "the pepper": (server.data / "pepper").read_text().strip(),
        "the key-encryption key": (server.data / "key-encryption-key").read_text().strip(),
    }
    answers: list[tuple[str, Attempt, Reply]] = []
    for kind, secret in canaries.items():
        attempts = [
            *at_the_token_endpoint(secret, client.client_id),
            *in_paths_queries_and_headers(secret, admin),
            *in_bodies(secret, admin, client.client_id),
        ]
        answers += [(kind, attempt, send(server.url, *attempt)) for attempt in attempts]
    assert [attempt for _, attempt, reply in answers if reply.status >= 500] == []
    echoed = [(kind, *attempt[:2]) for kind, attempt, reply in answers if is_in(canaries[kind], repr(reply).encode())]
    assert echoed == []
    trail = json.dumps(clientry("audit", "list", data=server.data)).encode()
    process = b"".join(Path(f"/proc/{server.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    database = postgres.dump(url) if url else _files(server.data)
    server.stop()
    database += b"" if url else _files(server.data)
    assert client.client_id.encode() in database
    assert client.client_id.encode() in trail
    assert client.client_id in server.log
    places = {"log": server.log.encode(), "audit trail": trail, "process": process, "database": database}
    found = [
        (place, kind) for place, text in places.items() for kind, secret in canaries.items() if is_in(secret, text)
    ]
    assert found == []


def _files(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.glob("clientry.db*"))


def test_the_canaries_would_be_seen() -> None:
    """The search above finds a secret in a longer text, and its end alone."""
    secret = generate(SystemRandom())
    assert is_in(secret, f"/v1/clients/{secret}?x".encode())
    assert is_in(secret, secret[-30:].encode())
    assert not is_in(secret, secret[:20].encode())
