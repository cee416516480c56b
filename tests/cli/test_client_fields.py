"""Every field of a client on the command line: set at creation, changed, shown; and what the commands print where."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import run
from tests.support.eventually import eventually
from tests.support.server import CLIENTRY
from tests.support.wire import send

from clientry.http.api.representations import AccountBody, ClientBody
from clientry.records.client import ClientChange

FIELDS: dict[str, tuple[list[str], str, list[str], str]] = {
    "name": (["--name", "A"], "A", ["--name", "B"], "B"),
    "locked": (["--locked"], "true", ["--no-locked"], "false"),
    "enabled": (["--no-enabled"], "false", ["--enabled"], "true"),
    "products": (["--product", "SuperSIM"], "SuperSIM", ["--no-products"], ""),
    "client_owner": (["--client-owner", "a@b.example"], "a@b.example", ["--client-owner", "c@d.example"], "c@d.example"),
    "token_lifetime": (["--token-lifetime", "24h"], "86400", ["--token-lifetime", "600"], "600"),
    "expires_at": (
        ["--expires-at", "2100-01-31T09:30:00Z"], "2100-01-31T09:30:00Z", ["--expires-at", "never"], "",
    ),
    "labels": (
        ["--label", "b:2", "--label", "a:1:x"], "a:1:x, b:2", ["--label", "c:3", "--remove-label", "a"], "b:2, c:3",
    ),
}  # fmt: skip
"""Field to flags at creation and what is then shown, flags of an update and what is then shown."""

COLUMNS = {"products": "scopes.products"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an initialised data directory."""
    directory = tmp_path_factory.mktemp("fields") / "data"
    assert run("init", "--data", directory, "--owner-email", "ada@example.com").returncode == 0
    return directory


def shown(data: Path, client_id: str) -> dict[str, str]:
    """Return what `show` prints in a pipe."""
    lines = run("clients", "show", client_id, "--data", data).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


def create(data: Path, *flags: str) -> str:
    """Create a client and return its id."""
    done = run("clients", "create", *flags, "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["client_id"]


def test_every_field_is_set_at_creation_changed_and_shown(data: Path) -> None:
    """Whatever an update can change is a flag of `create` and of `update`, and `show` tells it."""
    assert set(FIELDS) == set(ClientChange.__struct_fields__)
    client_id = create(data, *(flag for first, *_ in FIELDS.values() for flag in first))
    told = shown(data, client_id)
    assert {field: told[COLUMNS.get(field, field)] for field in FIELDS} == {
        field: then for field, (_, then, _, _) in FIELDS.items()
    }
    assert run("clients", "update", client_id, *FIELDS["locked"][2], "--data", data).returncode == 0
    changed = run(
        "clients", "update", client_id, *(f for _, _, more, _ in FIELDS.values() for f in more), "--data", data
    )
    told = dict(line.split("\t") for line in changed.stdout.splitlines())
    assert told == shown(data, client_id)
    assert {field: told[COLUMNS.get(field, field)] for field in FIELDS} == {
        field: after for field, (*_, after) in FIELDS.items()
    }


def test_show_tells_every_field_that_the_api_tells(data: Path) -> None:
    """No field of the API's answers is left out, for clients and accounts, and `--json` is the same."""
    client_id = create(data, "--name", "All", "--type", "admin")
    only_deleted_ones = {"date_deleted", "restorable_until"}
    fields = {"scopes.products", "scopes.resources", *ClientBody.__struct_fields__} - {"scopes"} - only_deleted_ones
    assert set(shown(data, client_id)) == fields
    accounts: dict[str, Any] = json.loads(run("accounts", "list", "--data", data, "--json").stdout)
    account_id: str = accounts["accounts"][0]["id"]
    lines = run("accounts", "show", account_id, "--data", data).stdout.splitlines()
    assert tuple(line.split("\t")[0] for line in lines) == AccountBody.__struct_fields__


@pytest.mark.parametrize("label", ["team", "team:", ""])
def test_a_label_without_a_value_changes_nothing(data: Path, label: str) -> None:
    """What an empty variable leaves of `--label key:$VALUE` is refused, and the label that is there stays."""
    client_id = create(data, "--name", "L", "--label", "team:a")
    for command in (("create", "--name", "M"), ("update", client_id)):
        refused = run("clients", *command, "--label", label, "--data", data)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("clientry: --label")
    assert shown(data, client_id)["labels"] == "team:a"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("clients", "update", "apiclient_x"), "nothing to change"),
        (("accounts", "update", "acct_x"), "nothing to change"),
        (("clients", "list", "--name", ""), "name must not be empty"),
        (("clients", "list", "--account", ""), "account_id must not be empty"),
        (("accounts", "list", "--parent", ""), "parent_id must not be empty"),
    ],
)
def test_what_an_empty_variable_leaves_is_refused(data: Path, command: tuple[str, ...], message: str) -> None:
    """An update of nothing is no success, and a filter by nothing does not list everything."""
    refused = run(*command, "--data", data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert message in refused.stderr


def test_a_new_client_ends_in_the_future(data: Path) -> None:
    """An end that has passed is refused at creation as it is later."""
    refused = run("clients", "create", "--name", "P", "--expires-at", "2020-01-01T00:00:00Z", "--data", data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expires_at must be a time in the future" in refused.stderr


def on_terminal(*arguments: str, columns: int = 80) -> str:
    """Return what a command prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [CLIENTRY, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": str(columns)},
    )
    os.close(theirs)
    text = b"".join(iter(lambda: _part(ours), b""))
    os.close(ours)
    assert process.wait(30) == 0
    return text.decode()


def _part(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's end of file
        return b""


def test_lists_are_tables_on_a_terminal_and_lines_in_a_pipe(data: Path) -> None:
    """In a pipe there is a line for each row and a tab between cells, nothing else; a terminal gets a table that fits it."""
    client_id = create(data, "--name", "Tabular", "--label", "kind:table")
    flags = ("clients", "list", "--labels", "kind:table", "--data", str(data))
    piped = run(*flags).stdout
    assert piped.count("\n") == 1
    assert piped.split("\t")[:3] == [client_id, "Tabular", "standard"]
    table = on_terminal(*flags, columns=100)
    assert client_id in table
    assert max(map(len, table.splitlines())) <= 100


def answers(url: str) -> bool:
    """Tell whether a server is ready."""
    try:
        return send(url, "GET", "/readyz").status == 200
    except OSError:
        return False


def test_the_tour_of_the_first_start_can_be_pasted(tmp_path: Path) -> None:
    """On a terminal `serve` prints commands that work with the configured products, and no secret is an argument of curl."""
    ours, theirs = pty.openpty()
    products = json.dumps([{"name": "tea's", "audience": "urn:tea"}, {"name": "coffee", "audience": "urn:coffee"}])
    environment = {"PATH": os.environ["PATH"], "CLIENTRY_PRODUCTS": products}
    command = [CLIENTRY, "serve", "--data", str(tmp_path / "data"), "--port", "0"]
    server = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)
    try:
        text = ""
        while "The API reference" not in text:
            text += os.read(ours, 65536).decode().replace("\r\n", "\n")
        secret, url = (re.search(pattern, text) for pattern in (r"client_secret  (\S+)", r"URL=(\S+)"))
        assert secret is not None
        assert url is not None
        eventually(lambda: answers(url[1]), within=20)
        tour = text[text.index("  URL=") : text.index("The API reference")]
        assert all(secret[1] not in line for line in tour.splitlines() if "curl" in line)
        done = subprocess.run(["sh", "-ec", tour], check=True, capture_output=True, text=True, timeout=30)
        created, listed = done.stdout[: done.stdout.index("}{") + 1], done.stdout[done.stdout.index("}{") + 1 :]
        assert json.loads(created)["name"] == "My first integration"
        assert "tea's" in listed
    finally:
        server.terminate()
        server.wait(20)
        os.close(ours)
        os.close(theirs)
