"""A migration is its script and the note that it ran: stopped between the two, there is neither."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.support.postgres import Postgres

from clientry.settings.database_url import DatabaseUrl, parse, sqlite_url
from clientry.storage.engines import migrate, read_schema

pytestmark = pytest.mark.anyio

SHAPE = """
SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1
"""
Sql = Callable[[str], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> tuple[DatabaseUrl, Sql]:
    """Give an empty database of each engine, and what runs a statement in it."""
    if request.param == "postgresql":
        url = postgres.new_database()
        return parse(url), lambda statement: postgres.sql(statement, url.rpartition("/")[2].partition("?")[0])

    def run(statement: str) -> str:
        connection = apsw.Connection(str(tmp_path / "clientry.db"))
        try:
            return repr(connection.execute(statement).fetchall())
        finally:
            connection.close()

    return sqlite_url(tmp_path / "clientry.db"), run


def stop_at(url: DatabaseUrl, sql: Sql, number: int) -> None:
    """From now on the note of this migration cannot be written."""
    if str(url).startswith("sqlite"):
        refuse = "SELECT RAISE(ABORT, 'stopped')"
        sql(f"CREATE TRIGGER stop BEFORE INSERT ON schema_migrations WHEN NEW.number = {number} BEGIN {refuse}; END")
        return
    sql("CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stopped'; END $$")
    sql(
        "CREATE TRIGGER stop BEFORE INSERT ON schema_migrations FOR EACH ROW "
        f"WHEN (NEW.number = {number}) EXECUTE FUNCTION stop()"
    )


def go_on(url: DatabaseUrl, sql: Sql) -> None:
    """Let notes be written again."""
    sql("DROP TRIGGER stop" if str(url).startswith("sqlite") else "DROP FUNCTION stop CASCADE")


async def test_f19_a_migration_that_is_stopped_before_its_note_was_not_made(place: tuple[DatabaseUrl, Sql]) -> None:
    """Whichever step is stopped between its script and its note, the schema is as before, and the next try makes it."""
    url, sql = place
    shape = "SELECT name, sql FROM sqlite_schema ORDER BY 1" if str(url).startswith("sqlite") else SHAPE
    await migrate(url, 1)
    steps = [step.number for step in (await read_schema(url)).pending]
    assert steps
    for number in steps:
        stop_at(url, sql, number)
        before = sql(shape)
        with pytest.raises(Exception, match="stopped"):
            await migrate(url, number)
        assert sql(shape) == before
        assert [step.number for step in (await read_schema(url)).pending] == list(range(number, steps[-1] + 1))
        go_on(url, sql)
        await migrate(url, number)
    assert (await read_schema(url)).pending == ()
