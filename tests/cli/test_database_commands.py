"""`clientry migrate`, `backup`, `restore`, `copy` and `dev seed`, as an operator uses them."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.support.postgres import Postgres
from tests.support.registry import Registry
from tests.support.server import CLIENTRY
from tests.support.wire import ask_token


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CLIENTRY, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give an initialised data directory."""
    made = tmp_path / "data"
    assert run("init", "--data", made).returncode == 0
    return made


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_f20_a_backup_that_is_restored_is_the_registry_as_it_was(
    start_server: StartServer, postgres: Postgres, tmp_path: Path, engine: str
) -> None:
    """Secrets, disabled clients and the audit trail come back, tokens do not; what was revoked before the backup stays revoked."""
    server = start_server(database=postgres.new_database() if engine == "postgresql" else None)
    registry = Registry(server.url, server.admin)
    good, stopped, gone, later = (registry.create() for _ in range(4))
    registry.update(stopped.client_id, enabled=False)
    registry.delete(gone.client_id)
    token = server.token(*server.admin)
    backup = tmp_path / "backup.db"
    made = run("backup", backup, "--data", server.data, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["clients"]["rows"] == 5
    assert backup.stat().st_mode & 0o077 == 0
    registry.delete(later.client_id)
    again = tmp_path / "again"
    again.mkdir(mode=0o700)
    if engine == "postgresql":
        (again / "clientry.toml").write_text(f'database = "{postgres.new_database()}"\n')
    restored = run("restore", backup, "--data", again)
    assert restored.returncode == 0, restored.stderr
    assert "pepper" in restored.stderr
    for name in ("pepper", "key-encryption-key"):
        shutil.copy(server.data / name, again / name)
    again.with_suffix(".json").write_bytes(server.data.with_suffix(".json").read_bytes())
    other = start_server(again, env={"CLIENTRY_PUBLIC_URL": server.url})
    statuses = [ask_token(other.url, client.form).status for client in (good, stopped, gone, later)]
    assert statuses == [200, 401, 401, 200]
    assert Registry(other.url, server.admin).call("GET", "/v1/ping", token=token).status == 401
    assert other.audit_is_whole()


def test_a_backup_does_not_overwrite_and_a_restore_does_not_either(data: Path, tmp_path: Path) -> None:
    """What is there stays, with one clear line, unless --force says so."""
    backup = tmp_path / "backup.db"
    assert run("backup", backup, "--data", data).returncode == 0
    for arguments in (("backup", backup, "--data", data), ("restore", backup, "--data", data)):
        done = run(*arguments)
        assert done.returncode == 1
        assert "already" in done.stderr
        assert "Traceback" not in done.stderr
    assert run("backup", backup, "--data", data, "--force").returncode == 0
    assert run("restore", tmp_path / "nothing.db", "--data", tmp_path / "new").returncode == 1


def test_copy_moves_to_postgresql_and_says_what_it_found(data: Path, postgres: Postgres) -> None:
    """Every table is counted and summed up; a second copy finds the target in use; a password in the URL is refused."""
    target = postgres.new_database()
    done = run("copy", "--from", f"sqlite:{data}/clientry.db", "--to", target, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accounts"]["rows"] == 1
    again = run("copy", "--from", f"sqlite:{data}/clientry.db", "--to", target)
    assert again.returncode == 1
    assert "holds data already" in again.stderr
    hidden = run("copy", "--from", f"sqlite:{data}/clientry.db", "--to", "postgresql://a:hush@db.example/x")
    assert hidden.returncode == 1
    assert "PGPASSFILE" in hidden.stderr
    assert "hush" not in hidden.stderr


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_f19_migrate_checks_and_goes_step_by_step(postgres: Postgres, tmp_path: Path, engine: str) -> None:
    """--check changes nothing and exits with 1 while something is pending; --to stops there; then nothing is pending."""
    url = postgres.new_database() if engine == "postgresql" else f"sqlite:{tmp_path / 'clientry.db'}"
    place = ("--data", tmp_path, "--database", url, "--json")
    if engine == "postgresql":
        assert run("migrate", "--check", *place).returncode == 1
    first = json.loads(run("migrate", "--to", 1, *place).stdout)
    assert [one["number"] for one in first["done"]] == [1]
    assert len(first["pending"]) >= 1
    assert run("migrate", "--check", *place).returncode == 1
    assert json.loads(run("migrate", *place).stdout)["pending"] == []
    assert run("migrate", "--check", *place).returncode == 0
    assert run("migrate", "--to", 0, *place).returncode == 1


def test_f19_finishing_is_asked_for_and_checked(start_server: StartServer, postgres: Postgres) -> None:
    """A new database is finished from the start; one that is not says so, --check --finish exits with 1, and --finish ends it."""
    database = postgres.new_database()
    server = start_server(database=database)
    place = ("--data", server.data)
    assert run("migrate", "--check", "--finish", *place).returncode == 0
    shared = "UPDATE schema_migrations SET name = replace(name, '.sql', '.from-0006.sql') WHERE number = 8"
    postgres.sql(shared, database.partition("?")[0].rpartition("/")[2])
    checked = run("migrate", "--check", *place)
    assert checked.returncode == 0
    assert "not finished" in checked.stdout
    assert "migrate --finish" in checked.stderr
    assert run("migrate", "--check", "--finish", *place).returncode == 1
    done = run("migrate", "--finish", *place, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["unfinished"] == []
    assert run("migrate", "--check", "--finish", *place).returncode == 0
    assert run("migrate", "--finish", "--to", "8", *place).returncode == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_seeded_clients_are_clients(start_server: StartServer, postgres: Postgres, tmp_path: Path, engine: str) -> None:
    """They get tokens, they are counted and listed over a tree of accounts as deep as was asked for, while the server runs."""
    server = start_server(database=postgres.new_database() if engine == "postgresql" else None)
    file = tmp_path / "credentials"
    flags = ("--clients", 5000, "--accounts", 20, "--depth", 3, "--credentials", file, "--data", server.data, "--json")
    done = run("dev", "seed", *flags)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    lines = file.read_text().splitlines()
    assert len(lines) == 5000
    client_id, client_secret = lines[4321].split()
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    assert ask_token(server.url, form).status == 200
    registry = Registry(server.url, server.admin)
    assert registry.call("GET", "/v1/clients?page_size=1&page_number=1").json["meta"]["count"] == 5001
    accounts = registry.call("GET", "/v1/accounts?page_size=100&page_number=1").json
    assert accounts["meta"]["count"] == 22
    above = {account["id"]: account["parent_id"] for account in accounts["accounts"]}
    levels = Counter(_levels(account, made["account_id"], above) for account in above)
    assert [levels[level] for level in range(4)] == [1, 3, 9, 8]
    again = run("dev", "seed", *flags)
    assert (again.returncode, "cannot be written" in again.stderr) == (1, True)
    too_deep = run("dev", "seed", "--clients", 1, "--accounts", 1, "--depth", 7, "--data", server.data)
    assert (too_deep.returncode, "between 1 and 6" in too_deep.stderr) == (1, True)


def _levels(account: str | None, top: str, above: dict[str, str | None]) -> int | None:
    """Return how many levels an account is below another one, None if it is not."""
    levels = 0
    while account != top:
        if account is None:
            return None
        account, levels = above[account], levels + 1
    return levels


def test_keys_are_shared_by_environment_or_file_and_a_wrong_one_is_told(
    start_server: StartServer, postgres: Postgres, tmp_path: Path
) -> None:
    """A node without files takes its keys from the environment; another pepper, or a missing one, ends its start by name."""
    url = postgres.new_database()
    first = start_server(database=url)
    keys = {
        "CLIENTRY_PEPPER": (first.data / "pepper").read_text(),
        "CLIENTRY_KEY_ENCRYPTION_KEY": (first.data / "key-encryption-key").read_text(),
    }
    bare = tmp_path / "bare"
    bare.with_suffix(".json").write_bytes(first.data.with_suffix(".json").read_bytes())
    second = start_server(bare, env={**keys, "CLIENTRY_DATABASE": url})
    assert ask_token(second.url, first.admin.form).status == 200
    assert not bare.exists()
    for name, wrong in (("pepper", "CLIENTRY_PEPPER"), ("key-encryption key", "CLIENTRY_KEY_ENCRYPTION_KEY")):
        done = subprocess.run(
            [CLIENTRY, "serve", "--data", str(bare), "--port", "0"],
            env={**keys, "CLIENTRY_DATABASE": url, wrong: "00" * 32},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert f"The {name} is not the one" in done.stderr
    missing = run("serve", "--data", tmp_path / "empty", "--database", url, "--port", "0")
    assert missing.returncode == 1
    assert "pepper is missing" in missing.stderr
