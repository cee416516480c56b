"""What somebody who can write to the database cannot do with the verifiers of secrets."""

import pytest
from tests.conftest import StartServer
from tests.support.database import run_sql
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.registry import Credentials, Registry
from tests.support.server import Server, clientry
from tests.support.wire import ask_token

UNBOUND = "UPDATE schema_migrations SET name = replace(name, '.sql', '.from-0006.sql') WHERE number = 8"


def copy_secret(server: Server, postgres: Postgres, source: Credentials, target: Credentials) -> None:
    """Give one client's verifier and hint to another's secrets."""
    copied = ", ".join(
        f"{column} = (SELECT s.{column} FROM client_secrets AS s WHERE s.client_id = '{source.client_id}')"
        for column in ("verifier", "hint")
    )
    run_sql(server, postgres, f"UPDATE client_secrets SET {copied} WHERE client_id = '{target.client_id}'")


def test_x06_a_verifier_that_was_moved_to_another_client_does_not_verify(
    registry: Registry, server: Server, postgres: Postgres
) -> None:
    """Whoever copies their own onto another client cannot become it; a secret keeps working for the one that it was made for."""
    mine, victim = registry.create(), registry.create()
    copy_secret(server, postgres, mine, victim)
    assert ask_token(server.url, victim._replace(client_secret=mine.client_secret).form).status == 401
    assert ask_token(server.url, mine.form).status == 200


def test_x06_a_verifier_that_was_moved_to_another_secret_does_not_verify(
    registry: Registry, server: Server, postgres: Postgres
) -> None:
    """A secret that was ended cannot be brought back under the id of one that lives."""
    client = registry.create()
    made = registry.call("POST", f"/v1/clients/{client.client_id}/secrets", {"others_end_after": 3600})
    assert made.status == 201
    renewed = Credentials(client.client_id, made.json["client_secret"])
    assert [ask_token(server.url, one.form).status for one in (client, renewed)] == [200, 200]
    listed = registry.call("GET", f"/v1/clients/{client.client_id}/secrets").json["secrets"]
    older, newer = (one["secret_id"] for one in listed)
    of = f"client_id = '{client.client_id}' AND secret_id ="
    run_sql(server, postgres, f"UPDATE client_secrets SET secret_id = 'spare' WHERE {of} '{older}'")
    run_sql(server, postgres, f"UPDATE client_secrets SET secret_id = '{older}' WHERE {of} '{newer}'")
    assert [ask_token(server.url, one.form).status for one in (client, renewed)] == [401, 401]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_x06_verifiers_of_before_are_bound_by_finishing_and_refused_unbound_afterwards(
    start_server: StartServer, postgres: Postgres, engine: str
) -> None:
    """Secrets of before go on working, without being used first; a plain verifier is worth nothing from then on."""
    server = start_server(database=postgres.new_database() if engine == "postgresql" else None)
    registry = Registry(server.url, server.admin)
    run_sql(server, postgres, UNBOUND)
    mine, victim, silent = (plain_client(server, postgres, registry) for _ in range(3))
    run_sql(server, postgres, "CREATE TABLE stolen AS SELECT client_id, verifier FROM client_secrets")
    assert ask_token(server.url, mine.form).status == 200
    if engine == "postgresql":
        assert clientry("migrate", "--finish", data=server.data)["unfinished"] == []
    else:
        server.stop()
        server = start_server(server.data)
    clients = (mine, victim, silent, server.admin)
    assert [ask_token(server.url, one.form).status for one in clients] == [200] * 4
    copy_secret(server, postgres, mine, victim)
    assert ask_token(server.url, victim._replace(client_secret=mine.client_secret).form).status == 401
    stolen = "(SELECT s.verifier FROM stolen AS s WHERE s.client_id = client_secrets.client_id)"
    run_sql(server, postgres, f"UPDATE client_secrets SET verifier = {stolen} WHERE client_id = '{mine.client_id}'")
    eventually(lambda: ask_token(server.url, mine.form).status == 401, 5)


def plain_client(server: Server, postgres: Postgres, registry: Registry) -> Credentials:
    """Return a client whose verifier is bound to nothing, made by a server that has learnt that it may not bind any."""
    made: list[Credentials] = []

    def is_plain() -> bool:
        made.append(registry.create())
        alike = (
            "SELECT COUNT(*) FROM client_secrets AS m, client_secrets AS a WHERE substr(m.verifier, 1, 1) = "
            f"substr(a.verifier, 1, 1) AND m.client_id = '{made[-1].client_id}' AND a.client_id = '{server.admin.client_id}'"
        )
        return run_sql(server, postgres, alike) == "0"

    eventually(is_plain, 5)
    return made[-1]
