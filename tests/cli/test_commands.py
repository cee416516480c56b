"""The operator's commands, as processes on real data directories."""

import json
import os
import stat
import subprocess
from pathlib import Path

import apsw
import pytest
from tests.conftest import StartServer
from tests.support.server import CLIENTRY, Server
from tests.support.wire import ask_token, send


def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTRY_")}
    return subprocess.run(
        [CLIENTRY, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=cwd,
        env={**clean, **environment},
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give an initialised data directory."""
    directory = tmp_path / "data"
    assert run("init", "--data", directory, "--owner-email", "ada@example.com").returncode == 0
    return directory


def test_init_prints_exactly_one_object(tmp_path: Path) -> None:
    """With --json stdout is one object with three members, and everything made is private to its owner."""
    directory = tmp_path / "new" / "data"
    done = run("init", "--data", directory, "--owner-email", "ada@example.com", "--account-name", "Example", "--json")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)) == {"account_id", "client_id", "client_secret"}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}
    assert {"clientry.db", "pepper", "key-encryption-key"} <= {file.name for file in directory.iterdir()}


def test_a_second_init_refuses_and_changes_nothing(data: Path) -> None:
    """A directory that is initialised stays as it is, byte for byte."""
    before = {file.name: file.read_bytes() for file in data.iterdir() if not file.name.endswith(("-wal", "-shm"))}
    done = run("init", "--data", data, "--owner-email", "eve@example.com", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "initialised already" in done.stderr
    assert {name: (data / name).read_bytes() for name in before} == before


def test_a_half_finished_init_can_be_finished(tmp_path: Path) -> None:
    """Keys without a database, as after a crash in between, are used and not replaced."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "pepper").write_text("ab" * 32 + "\n")
    assert run("init", "--data", directory, "--owner-email", "ada@example.com").returncode == 0
    assert (directory / "pepper").read_text() == "ab" * 32 + "\n"


@pytest.mark.parametrize("name", ["pepper", "key-encryption-key"])
def test_a_missing_key_is_told_and_never_made_anew(data: Path, name: str) -> None:
    """A database without its keys is not opened, and no new key is put in their place."""
    (data / name).unlink()
    done = run("serve", "--data", data, "--port", "0")
    assert done.returncode == 1
    assert name in done.stderr
    assert not (data / name).exists()


def test_k05_another_key_encryption_key_is_told(data: Path) -> None:
    """A key-encryption key that does not open the signing keys ends the start with one clear line."""
    (data / "key-encryption-key").write_text("00" * 32)
    done = run("serve", "--data", data, "--port", "0")
    assert done.returncode == 1
    assert "The key-encryption key is not the one" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told(data: Path, server: Server) -> None:
    """The port of another server is refused with a hint."""
    done = run("serve", "--data", data, "--port", server.url.rsplit(":", 1)[1])
    assert done.returncode == 1
    assert "is taken" in done.stderr
    assert "--port" in done.stderr


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A data directory that cannot be made is one clear line."""
    (tmp_path / "file").write_text("in the way")
    done = run("init", "--data", tmp_path / "file" / "data", "--owner-email", "a@b.example")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


def test_t24_serving_the_network_in_clear_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """A plain-HTTP listener beyond loopback is refused, and there is no data directory afterwards."""
    done = run("serve", "--data", tmp_path / "data", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "in clear" in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_first_start_leaves_the_credentials_in_a_private_file(start_server: StartServer, tmp_path: Path) -> None:
    """Without a terminal `serve` on an empty directory says where the credentials are; they are nowhere in its output."""
    directory = tmp_path / "data"
    directory.mkdir()
    (tmp_path / "data.json").write_text('{"account_id": "", "client_id": "", "client_secret": ""}')
    server = start_server(directory)
    file = directory / "first-client.json"
    made = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in server.log
    assert made["client_secret"] not in server.log
    assert server.token(made["client_id"], made["client_secret"])


def test_the_commands_work_while_the_server_runs(start_server: StartServer) -> None:
    """A client made, disabled and enabled by commands is so for the running server from the next request on."""
    server = start_server()
    made = json.loads(
        run("clients", "create", "--data", server.data, "--name", "Op", "--type", "admin", "--json").stdout
    )
    token = server.token(made["client_id"], made["client_secret"])
    ping = lambda: server.request("GET", "/v1/ping", token).status  # noqa: E731
    assert ping() == 200
    disabled = json.loads(run("clients", "disable", made["client_id"], "--data", server.data, "--json").stdout)
    assert disabled["client"]["enabled"] is False
    assert ping() == 401
    assert json.loads(run("clients", "enable", made["client_id"], "--data", server.data, "--json").stdout)["client"][
        "enabled"
    ]
    assert ping() == 401
    listed = json.loads(run("clients", "list", "--data", server.data, "--client-type", "admin", "--json").stdout)
    assert listed["meta"]["count"] == 2
    assert run("clients", "delete", made["client_id"], "--data", server.data).returncode == 0
    gone = run("clients", "show", made["client_id"], "--data", server.data)
    assert (gone.returncode, gone.stderr) == (3, "clientry: There is no such client.\n")


def test_an_account_is_managed_while_the_server_runs(start_server: StartServer) -> None:
    """Changed, suspended, resumed, its tokens revoked and deleted by commands, seen by the server; its audit trail stays."""
    server = start_server()
    place = ("--data", server.data, "--json")
    account = json.loads(run("accounts", "create", "--name", "A", "--owner-email", "a@b.example", *place).stdout)
    account_id = account["account"]["id"]
    made = json.loads(
        run("clients", "create", "--name", "C", "--type", "admin", "--account", account_id, *place).stdout
    )
    form = {"grant_type": "client_credentials", **{key: made[key] for key in ("client_id", "client_secret")}}
    changed = json.loads(run("accounts", "update", account_id, "--name", "B", *place).stdout)["account"]
    assert changed == json.loads(run("accounts", "show", account_id, *place).stdout)["account"]
    assert (changed["friendly_name"], changed["owner_email"]) == ("B", "a@b.example")
    assert json.loads(run("accounts", "suspend", account_id, *place).stdout)["account"]["status"] == "SUSPENDED"
    assert ask_token(server.url, form).status == 401
    listed = json.loads(run("accounts", "list", "--status", "SUSPENDED", "--name", "b", *place).stdout)
    assert [one["id"] for one in listed["accounts"]] == [account_id]
    run("accounts", "resume", account_id, *place)
    token = ask_token(server.url, form).json["access_token"]
    assert server.request("GET", "/v1/ping", token).status == 200
    run("accounts", "revoke-tokens", account_id, *place)
    assert server.request("GET", "/v1/ping", token).status == 401
    refused = run("accounts", "delete", account_id, "--data", server.data)
    assert (refused.returncode, refused.stderr) == (5, "clientry: It has clients. Delete them first.\n")
    run("clients", "delete", made["client_id"], "--data", server.data)
    assert run("accounts", "delete", account_id, "--data", server.data).returncode == 0
    assert run("accounts", "show", account_id, "--data", server.data).stderr == "clientry: There is no such account.\n"
    events = json.loads(run("audit", "list", "--account", account_id, *place).stdout)
    assert events[-1]["operation"] == "account.delete"
    assert account_id in {event["account_id"] for event in json.loads(run("audit", "list", *place).stdout)}
    assert run("audit", "verify", "--data", server.data).returncode == 0


def test_json_is_what_the_api_answers(start_server: StartServer) -> None:
    """`--json` of a list and of one client has the very rows that the API gives."""
    server = start_server()
    token = server.token(server.admin.client_id, server.admin.client_secret)
    by_api = server.request("GET", "/v1/clients?page_size=50&page_number=1", token).json
    by_command = json.loads(run("clients", "list", "--data", server.data, "--json").stdout)
    assert by_command["clients"] == by_api["clients"]
    assert by_command["meta"]["count"] == by_api["meta"]["count"]
    accounts = json.loads(run("accounts", "list", "--data", server.data, "--json").stdout)
    assert (
        accounts["accounts"] == server.request("GET", "/v1/accounts?page_size=9&page_number=1", token).json["accounts"]
    )


def test_recover_is_a_way_back_in(start_server: StartServer) -> None:
    """A new admin client of the root account works at once, and the audit trail names the operator."""
    server = start_server()
    made = json.loads(run("recover", "--data", server.data, "--json").stdout)
    assert set(made) == {"account_id", "client_id", "client_secret"}
    token = server.token(made["client_id"], made["client_secret"])
    assert server.request("GET", "/v1/clients?page_size=1&page_number=1", token).status == 200
    events = json.loads(run("audit", "list", "--data", server.data, "--json").stdout)
    last = next(event for event in events if event["target"] == made["client_id"])
    assert (last["actor"], last["operation"]) == ("operator", "client.create")
    assert made["client_secret"] not in json.dumps(events)


def test_the_audit_trail_is_verified(data: Path) -> None:
    """An untouched trail verifies; one changed character is found, and the exit code says so."""
    account = json.loads(
        run("accounts", "create", "--data", data, "--name", "A", "--owner-email", "a@b.example", "--json").stdout
    )
    assert account["account"]["friendly_name"] == "A"
    assert run("audit", "verify", "--data", data).returncode == 0
    connection = apsw.Connection(str(data / "clientry.db"))
    connection.execute("UPDATE audit_events SET actor = 'nobody' WHERE sequence = 1")
    connection.close()
    broken = run("audit", "verify", "--data", data)
    assert broken.returncode == 1
    assert "breaks at event 1" in broken.stderr


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ["clients", "create", "--name", " "], "name must have 1 to 255"),
        (2, ["clients", "create", "--name", "x", "--product", "Nope"], "not a known product"),
        (
            2,
            ["clients", "create", "--name", "x", "--type", "admin", "--product", "SuperSIM"],
            "--product is for standard",
        ),
        (3, ["clients", "create", "--name", "x", "--account", "acct_x"], "no such account"),
        (2, ["clients", "create", "--name", "x", "--token-lifetime", "1"], "--token-lifetime must be"),
        (3, ["clients", "disable", "nobody"], "no such client"),
        (2, ["clients", "list", "--page-size", "0"], "at least 1"),
        (2, ["accounts", "create", "--name", "x", "--owner-email", "x"], "owner_email must be an e-mail"),
        (1, ["config", "--port", "x"], "port must be a whole number"),
    ],
)
def test_bad_input_is_one_clear_line(data: Path, code: int, arguments: list[str], message: str) -> None:
    """What cannot be done is told in one line on stderr and nothing on stdout, with the exit code of its kind."""
    done = run(*arguments, "--data", data)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("clientry: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_config_shows_each_value_and_its_source(tmp_path: Path) -> None:
    """`clientry config --json` names value and source of every setting; the table shows the same to people."""
    done = run("config", "--data", tmp_path, "--json", CLIENTRY_PORT="9")
    shown = json.loads(done.stdout)
    assert shown["port"] == {"value": 9, "source": "CLIENTRY_PORT"}
    assert shown["data"]["source"] == "flag"
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}
    assert "CLIENTRY_PORT" in run("config", "--data", tmp_path, CLIENTRY_PORT="9").stdout.replace("\n", "")


def test_a_missing_database_is_told(tmp_path: Path) -> None:
    """Commands on an empty directory say how to make one."""
    done = run("clients", "list", "--data", tmp_path)
    assert (done.returncode, "clientry init" in done.stderr) == (1, True)


def test_rs256_can_be_chosen_for_an_existing_directory(start_server: StartServer) -> None:
    """A change of algorithm keeps the old key in the JWK Set, and signs with a new one."""
    first = start_server()
    admin, old_url = first.admin, first.url
    assert first.stop() == 0
    second = start_server(first.data, port=int(old_url.rsplit(":", 1)[1]), env={"CLIENTRY_SIGNING_ALGORITHM": "RS256"})
    keys = json.loads(send(second.url, "GET", "/.well-known/jwks.json", []).body)["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    token = second.token(admin.client_id, admin.client_secret)
    assert second.request("GET", "/v1/ping", token).status == 200


def test_a_secret_is_rotated_and_ended_while_the_server_runs(start_server: StartServer) -> None:
    """The new one is printed once; both are listed, with their use and what is waited for; one is ended; errors are told."""
    server = start_server()
    place = ("--data", server.data, "--json")
    made = json.loads(run("clients", "create", "--name", "C", *place).stdout)
    client_id = made["client_id"]
    flags = ("--others-end-after", "1h", "--from-first-use", "--others-end-when-silent-for", "24h")
    new = json.loads(run("clients", "rotate", client_id, *flags, *place).stdout)
    assert ask_token(server.url, {**_form(client_id), "client_secret": new["client_secret"]}).status == 200
    old = json.loads(run("clients", "secrets", client_id, *place).stdout)["secrets"][0]
    assert old["ends_when_silent_for"] == 86_400
    assert old["hint"] in run("clients", "secrets", client_id, "--data", server.data).stdout
    ended = run("clients", "end-secret", client_id, old["secret_id"], "--data", server.data)
    assert (ended.returncode, ended.stderr) == (0, f"Ended {old['secret_id']}.\n")
    assert ask_token(server.url, {**_form(client_id), "client_secret": made["client_secret"]}).status == 401
    refused = run("clients", "rotate", client_id, "--others-end-when-silent-for", "5", "--data", server.data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--others-end-when-silent-for must be 3600 to 2592000" in refused.stderr


def test_a_client_is_changed_and_restored_while_the_server_runs(start_server: StartServer) -> None:
    """Its labels and its end are set and removed, and found by; deleted it is restored; errors are told by the flag."""
    server = start_server()
    place = ("--data", server.data, "--json")
    made = json.loads(run("clients", "create", "--name", "C", *place).stdout)
    client_id, form = made["client_id"], {**_form(made["client_id"]), "client_secret": made["client_secret"]}
    flags = ("--label", "env:prod", "--label", "team:a", "--expires-at", "2100-01-31T09:30:00Z", "--name", "D")
    changed = json.loads(run("clients", "update", client_id, *flags, *place).stdout)["client"]
    assert (changed["labels"], changed["expires_at"]) == ({"env": "prod", "team": "a"}, "2100-01-31T09:30:00Z")
    again = ("--remove-label", "team", "--expires-at", "never")
    changed = json.loads(run("clients", "update", client_id, *again, *place).stdout)["client"]
    assert (changed["labels"], changed["expires_at"], changed["name"]) == ({"env": "prod"}, None, "D")
    listed = json.loads(run("clients", "list", "--labels", "env:prod", *place).stdout)
    assert [one["client_id"] for one in listed["clients"]] == [client_id]
    run("clients", "delete", client_id, "--data", server.data)
    assert ask_token(server.url, form).status == 401
    assert json.loads(run("clients", "restore", client_id, *place).stdout)["client"]["labels"] == {"env": "prod"}
    assert ask_token(server.url, form).status == 200
    for flag, text in (("--label", "a b:c"), ("--labels", "x"), ("--expires-at", "soon"), ("--client-owner", "x")):
        command = ("list",) if flag == "--labels" else ("update", client_id)
        refused = run("clients", *command, flag, text, "--data", server.data)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"clientry: {flag}")


def _form(client_id: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client_id}
