"""Writing to a server's database past the server, as somebody could who got hold of it."""

import apsw
from tests.support.postgres import Postgres
from tests.support.server import Server


def run_sql(server: Server, postgres: Postgres, statement: str) -> str:
    """Run a statement that both engines understand, and return the one value that it asks for, if any."""
    if server.database is not None:
        return postgres.sql(statement, server.database.partition("?")[0].rpartition("/")[2]).strip()
    connection = apsw.Connection(str(server.data / "clientry.db"))
    connection.set_busy_timeout(5_000)
    found = connection.execute(statement).fetchall()
    connection.close()
    return str(found[0][0]) if found else ""
