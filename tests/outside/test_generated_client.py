"""What a generator that we did not write makes of our OpenAPI document: a client of Python that works as it is."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.server import Server
from tests.support.wire import ask_token, send

PACKAGE = "generated_clientry"


def generate(server: Server, folder: Path) -> None:
    """Make a package of what a server says of itself; a piece that the generator has to leave out is a failure."""
    (folder / "openapi.json").write_bytes(send(server.url, "GET", "/openapi.json").body)
    (folder / "generator.yaml").write_text("post_hooks: []\n")
    program = str(Path(sys.executable).with_name("openapi-python-client"))
    options = ["--path", "openapi.json", "--output-path", PACKAGE, "--meta", "none", "--config", "generator.yaml"]
    command = [program, "generate", *options, "--fail-on-warning"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def part(name: str) -> Any:
    """Return a part of the package, which was not there when this was written."""
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def generated(start_server: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Give a server, with the package that was made for it."""
    server = start_server()
    generate(server, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield server
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def walk(caller: Any, page_size: int) -> list[str]:
    """Return the names of all clients, page by page, as the answers say where the next one is."""
    found: list[str] = []
    more: dict[str, Any] = {"page_number": 1}
    while more:
        page = part("api.clients.list_client").sync(client=caller, page_size=page_size, **more)
        found += [client.name for client in page.clients]
        query = parse_qs(urlsplit(page.meta.next_page_url).query)
        more = {"page_number": int(query["page_number"][0]), "cursor": query["cursor"][0]} if query else {}
        assert page.meta.count == 6
    return found


def test_a_generated_client_creates_walks_changes_and_rotates(generated: Server) -> None:
    """It creates clients, with a lock that is null, walks the list, patches one, and gives it a second secret that works."""
    models = part("models")
    caller = part("client").AuthenticatedClient(base_url=generated.url, token=generated.token(*generated.admin))
    scopes = models.CreateClientScopes(products=[models.CreateClientScopesProductsItem("SuperSIM")])
    made = [
        part("api.clients.create_client").sync(
            client=caller, body=models.CreateClient(name=f"Integration {number}", locked=None, scopes=scopes)
        )
        for number in range(5)
    ]
    assert [one.locked for one in made] == [None] * 5
    assert walk(caller, 2)[:5] == [f"Integration {number}" for number in (4, 3, 2, 1, 0)]

    client_id = made[0].client_id
    changed = part("api.clients.update_client").sync(
        client_id, client=caller, body=models.UpdateClient(name="Billing export", token_lifetime=7200)
    )
    assert (changed.client.name, changed.client.token_lifetime) == ("Billing export", 7200)

    lifetime = models.CreateSecretOthersEndAfterType1("24h")
    second = part("api.secrets.create_secret").sync(
        client_id, client=caller, body=models.CreateSecret(others_end_after=lifetime)
    )
    assert second.client_secret != made[0].client_secret
    for secret in (made[0].client_secret, second.client_secret):
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        assert ask_token(generated.url, form).json["expires_in"] == 7200
