"""Databases that went back, restores, and first starts that went wrong: what is refused, and what settles it."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import apsw
import pytest
from tests.conftest import StartServer
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry, access_token
from tests.support.server import CLIENTRY, Server
from tests.support.wire import ask_token, bearer, send

from clientry.http.oauth.well_known import JWK_SET_PATH


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CLIENTRY, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give an initialised data directory."""
    made = tmp_path / "data"
    assert run("init", "--data", made).returncode == 0
    return made


def ready(url: str) -> int:
    return send(url, "GET", "/readyz").status


def refuses(url: str, token: str, admin: Credentials) -> None:
    """Check that neither surface answers, each in its own form, and that the reason and the command are told."""
    listed = send(url, "GET", "/v1/clients?page_size=1&page_number=1", [bearer(token)])
    asked = ask_token(url, admin.form)
    unready = send(url, "GET", "/readyz")
    assert (listed.status, listed.json["code"], asked.status) == (503, 40503, 503)
    assert "went back" in listed.json["message"]
    assert asked.json["error"] == "temporarily_unavailable"
    assert unready.status == 503
    assert "went back" in unready.json["message"]
    assert "clientry restored" in unready.json["message"]
    assert send(url, "GET", "/healthz").status == 200
    assert send(url, "GET", JWK_SET_PATH).status == 200


@pytest.mark.parametrize("copied", ["file", "directory"])
def test_a_file_that_was_copied_back_is_noticed_and_settled(
    start_server: StartServer, tmp_path: Path, copied: str
) -> None:
    """An older file, or the whole older directory, in its place: 503 with the reason, until it is said that this was meant."""
    data = tmp_path / "data"
    server = start_server(data)
    stopped = Registry(server.url, server.admin).create()
    server.stop()
    shutil.copytree(data, tmp_path / "older")
    server = start_server(data, env={"CLIENTRY_PUBLIC_URL": "https://clientry.example"})
    registry = Registry(server.url, server.admin)
    registry.update(stopped.client_id, enabled=False)
    server.stop()
    if copied == "directory":
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "older", data)
    else:
        shutil.copy(tmp_path / "older" / "clientry.db", data / "clientry.db")
    (data / "clientry.toml").write_text('public_url = "https://clientry.example"\n')
    with Server(data, ready=503) as back:
        refuses(back.url, registry.token, server.admin)
        assert "went back" in back.log
        settled = run("restored", "--data", data)
        assert settled.returncode == 0, settled.stderr
        eventually(lambda: ready(back.url) == 200, 5)
        assert send(back.url, "GET", "/v1/ping", [bearer(registry.token)]).status == 401
        new = access_token(back.url, server.admin)
        assert send(back.url, "GET", "/v1/ping", [bearer(new)]).status == 200
        assert back.audit_is_whole()
    start_server(data).stop()


def test_tokens_can_be_kept(start_server: StartServer, data: Path, tmp_path: Path) -> None:
    """`restored --keep-tokens` and `restore --keep-tokens` leave tokens as they are; without it both stop them."""
    made = json.loads(run("recover", "--data", data, "--json").stdout)
    data.with_suffix(".json").write_text(json.dumps(made))
    env = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}
    server = start_server(data, env=env)
    token = access_token(server.url, server.admin)

    def good(url: str) -> bool:
        return send(url, "GET", "/v1/ping", [bearer(token)]).status == 200

    assert run("restored", "--keep-tokens", "--data", data).returncode == 0
    assert good(server.url)
    assert run("backup", tmp_path / "b.db", "--data", data).returncode == 0
    for flags, kept in ((("--keep-tokens",), True), ((), False)):
        again = tmp_path / f"again-{kept}"
        again.mkdir()
        for name in ("pepper", "key-encryption-key"):
            shutil.copy(data / name, again / name)
        restored = run("restore", tmp_path / "b.db", "--data", again, *flags)
        assert restored.returncode == 0, restored.stderr
        shutil.copy(data.with_suffix(".json"), again.with_suffix(".json"))
        assert good(start_server(again, env=env).url) is kept
    assert run("restored", "--data", data).returncode == 0
    assert not good(server.url)


def test_a_backup_from_before_the_upgrade_stops_the_tokens_from_after_it(
    start_server: StartServer, data: Path, tmp_path: Path
) -> None:
    """Tokens that carry marks die with a restore of a database that knew none yet; what is issued from then on is good."""
    data.with_suffix(".json").write_text(run("recover", "--data", data, "--json").stdout)
    env = {"CLIENTRY_PUBLIC_URL": "https://clientry.example"}
    server = start_server(data, env=env)
    token = access_token(server.url, server.admin)
    again, backup = tmp_path / "again", tmp_path / "b.db"
    assert run("backup", backup, "--data", data).returncode == 0
    before = apsw.Connection(str(backup))
    before.execute("UPDATE schema_migrations SET name = replace(name, '.sql', '.from-0006.sql') WHERE number > 6")
    before.close()
    again.mkdir()
    for name in ("pepper", "key-encryption-key"):
        shutil.copy(data / name, again / name)
    assert "not finished" in run("migrate", "--check", "--database", f"sqlite:{backup}").stdout
    assert run("restore", backup, "--data", again).returncode == 0
    shutil.copy(data.with_suffix(".json"), again.with_suffix(".json"))
    restored = start_server(again, env=env)
    assert send(restored.url, "GET", "/v1/ping", [bearer(token)]).status == 401
    new = access_token(restored.url, restored.admin)
    assert send(restored.url, "GET", "/v1/ping", [bearer(new)]).status == 200


def test_each_node_notices_also_what_others_did(start_server: StartServer, postgres: Postgres, tmp_path: Path) -> None:
    """A node that itself changed nothing refuses a database from before another node's change; `copy` goes on where it was."""
    url = postgres.new_database()
    first = start_server(database=url)
    registry = Registry(first.url, first.admin)
    backup = tmp_path / "b.db"
    assert run("backup", backup, "--data", first.data).returncode == 0
    idle = tmp_path / "idle"
    idle.mkdir()
    for name in ("pepper", "key-encryption-key", "clientry.toml"):
        shutil.copy(first.data / name, idle / name)
    shutil.copy(first.data.with_suffix(".json"), idle.with_suffix(".json"))
    second = start_server(idle)
    before = (tmp_path / "idle.high-water-mark").read_bytes()
    registry.create()
    eventually(lambda: (tmp_path / "idle.high-water-mark").read_bytes() != before, 5)
    second.stop()
    copied, older = postgres.new_database(), postgres.new_database()
    assert run("copy", "--from", url, "--to", copied).returncode == 0
    assert run("copy", "--from", f"sqlite:{backup}", "--to", older).returncode == 0
    (idle / "clientry.toml").write_text(f"database = {json.dumps(copied)}\n")
    start_server(idle).stop()
    (idle / "clientry.toml").write_text(f"database = {json.dumps(older)}\n")
    with Server(idle, ready=503) as back:
        refuses(back.url, registry.token, first.admin)


def test_a_change_by_a_command_is_remembered_too(start_server: StartServer, data: Path) -> None:
    """What an operator does while no server runs is not forgotten when the file from before it is put back."""
    made = json.loads(run("recover", "--data", data, "--json").stdout)
    data.with_suffix(".json").write_text(json.dumps(made))
    server = start_server(data)
    token = access_token(server.url, server.admin)
    server.stop()
    shutil.copy(data / "clientry.db", data / "older.db")
    assert run("clients", "disable", made["client_id"], "--data", data).returncode != 2
    assert run("accounts", "create", "--name", "x", "--owner-email", "x@example.com", "--data", data).returncode == 0
    shutil.copy(data / "older.db", data / "clientry.db")
    with Server(data, ready=503) as back:
        refuses(back.url, token, server.admin)


def test_nothing_is_made_beside_what_an_earlier_database_left(data: Path, tmp_path: Path) -> None:
    """A restore, a copy, a backup and a first start name what is left, and make nothing; with it moved away they work."""
    backup, new = tmp_path / "b.db", tmp_path / "new"
    assert run("backup", backup, "--data", data).returncode == 0
    new.mkdir()
    target = new / "clientry.db"
    restore = ("restore", backup, "--data", new)
    others = (
        ("copy", "--from", f"sqlite:{backup}", "--to", f"sqlite:{target}"),
        ("backup", target, "--data", data),
        ("init", "--data", new),
    )
    for suffix, attempts in (("-wal", (restore, *others)), ("-shm", (restore,)), ("-journal", (restore,))):
        left = new / f"clientry.db{suffix}"
        left.write_bytes(b"left")
        for attempt in attempts:
            done = run(*attempt)
            assert (done.returncode, left.name in done.stderr) == (1, True), done.stderr
            assert "Traceback" not in done.stderr
            assert left.read_bytes() == b"left"
            assert not target.exists()
        left.unlink()
    assert run(*restore).returncode == 0


def test_a_file_that_was_copied_without_its_log_is_told(start_server: StartServer, tmp_path: Path) -> None:
    """It restores, with a word on what may be missing; with its log, and a real backup, there is no such word."""
    server = start_server()
    Registry(server.url, server.admin).create()
    server.signal(signal.SIGKILL)
    server.wait()
    for number, names in enumerate((("clientry.db",), ("clientry.db", "clientry.db-wal"))):
        taken = tmp_path / str(number)
        taken.mkdir()
        for name in names:
            shutil.copy(server.data / name, taken / name)
        done = run("restore", taken / "clientry.db", "--data", taken / "new")
        assert done.returncode == 0, done.stderr
        assert ("copied by hand" in done.stderr) is (len(names) == 1)
    assert run("backup", tmp_path / "b.db", "--data", server.data).returncode == 0
    assert "copied by hand" not in run("restore", tmp_path / "b.db", "--data", tmp_path / "new").stderr


def test_a_damaged_file_is_not_restored(data: Path, tmp_path: Path) -> None:
    """A copy whose pages are not of one state is refused by name, and nothing is made."""
    assert run("backup", tmp_path / "b.db", "--data", data).returncode == 0
    connection = apsw.Connection(str(tmp_path / "b.db"))
    (root,) = next(iter(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts_root'")))
    connection.close()
    with (tmp_path / "b.db").open("r+b") as file:
        file.seek((int(str(root)) - 1) * 4096 + 3)
        file.write(b"\0\0")  # the page says that it has no entries
    done = run("restore", tmp_path / "b.db", "--data", tmp_path / "new")
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert not (tmp_path / "new" / "clientry.db").exists()


def test_a_mark_that_cannot_be_read_ends_the_start(data: Path) -> None:
    """A file that is none is not passed over, as if nothing had been known."""
    mark = data.with_name("data.high-water-mark")
    mark.write_text("{")
    done = run("serve", "--data", data, "--port", "0")
    assert done.returncode == 1
    assert f"{mark} is no high-water mark" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_roots_are_refused_and_settled(
    start_server: StartServer, postgres: Postgres, data: Path, engine: str
) -> None:
    """Servers and commands name both roots and the command; after it one tree has all, and both admins' secrets are good."""
    made = json.loads(run("recover", "--data", data, "--json").stdout)
    data.with_suffix(".json").write_text(json.dumps(made))
    other = data.with_name("other")
    assert run("init", "--data", other).returncode == 0
    theirs = json.loads(run("recover", "--data", other, "--json").stdout)
    _join(data / "clientry.db", other / "clientry.db")
    if engine == "postgresql":
        url = postgres.new_database()
        assert run("copy", "--from", f"sqlite:{data}/clientry.db", "--to", url).returncode == 0
        (data / "clientry.toml").write_text(f"database = {json.dumps(url)}\n")
    for attempt in (("serve", "--port", "0"), ("accounts", "list")):
        done = run(*attempt, "--data", data)
        assert done.returncode == 1
        for text in (made["account_id"], theirs["account_id"], "clientry keep-root"):
            assert text in done.stderr
    assert run("keep-root", "acct_nobody", "--data", data).returncode == 1
    done = run("keep-root", made["account_id"], "--data", data)
    assert (done.returncode, theirs["account_id"] in done.stderr) == (0, True), done.stderr
    assert run("keep-root", made["account_id"], "--data", data).returncode == 1
    server = start_server(data)
    registry = Registry(server.url, server.admin)
    accounts = registry.call("GET", "/v1/accounts?page_size=10&page_number=1").json
    assert {account["id"]: account["parent_id"] for account in accounts["accounts"]} == {
        made["account_id"]: None,
        theirs["account_id"]: made["account_id"],
    }
    assert registry.call("GET", "/v1/clients?page_size=1&page_number=1").json["meta"]["count"] == 4
    assert registry.call("GET", f"/v1/clients/{theirs['client_id']}").status == 200
    assert server.audit_is_whole()


def _join(database: Path, other: Path) -> None:
    """Make what two first starts of an older version made: both roots, with what belongs to them, in one database."""
    connection = apsw.Connection(str(database))
    connection.execute(f"ATTACH '{other}' AS other")
    connection.execute("DELETE FROM incarnation")
    for table in (
        "accounts",
        "account_listing",
        "account_counts",
        "clients",
        "client_secrets",
        "client_listing",
        "client_counts",
        "audit_events",
    ):
        connection.execute(f"INSERT INTO {table} SELECT * FROM other.{table}")
    connection.close()


def test_credentials_that_cannot_be_handed_over_are_not_made(tmp_path: Path) -> None:
    """Standard output that is full, or a place that cannot be written: one line, and no root account; later it works."""
    data = tmp_path / "data"
    with Path("/dev/full").open("w") as full:
        for flags in ((), ("--json",)):
            command = [CLIENTRY, "init", "--data", str(data), *flags]
            done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            assert done.returncode != 0
            assert "Nothing was changed" in done.stderr
            assert "Traceback" not in done.stderr
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "kept").touch()
    done = run("serve", "--data", data, "--port", "0", "--credentials-file", taken)
    assert (done.returncode, f"{taken} cannot be written" in done.stderr) == (1, True), done.stderr
    connection = apsw.Connection(str(data / "clientry.db"))
    for table in ("accounts", "clients", "client_secrets", "signing_keys", "audit_events", "incarnation"):
        assert list(connection.execute(f"SELECT * FROM {table}")) == []
    connection.close()
    assert run("init", "--data", data).returncode == 0


def test_an_audit_trail_without_events_is_no_success(data: Path) -> None:
    """An account that is not there, or misspelt, was not checked: exit code 1, and a line that says so."""
    unknown = run("audit", "verify", "--account", "acct_nobody", "--data", data)
    assert (unknown.returncode, "acct_nobody: there are no events" in unknown.stderr) == (1, True)
    empty = data.with_name("empty")
    empty.mkdir()
    for name in ("pepper", "key-encryption-key"):
        shutil.copy(data / name, empty / name)
    assert run("migrate", "--data", empty).returncode == 0
    nothing = run("audit", "verify", "--data", empty)
    assert (nothing.returncode, "no events" in nothing.stderr) == (1, True)
    assert run("audit", "verify", "--data", data).returncode == 0
