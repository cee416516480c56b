"""Routes: exact, with parameters, and nothing guessed."""

from urllib.parse import unquote

import pytest

from clientry.http.exchange import App, Receive, Scope, Send
from clientry.http.routing import Routes

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the server does."""
    return "asyncio"


def answering(name: str, answers: list[tuple[str, object]]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answers.append((name, scope.get("path_params")))

    return app


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/a", ("exact", None)),
        ("/a/b", ("one", {"x": "b"})),
        ("/a/b c\n", ("one", {"x": "b c\n"})),
        ("/a/fixed", ("fixed", None)),
        ("/a/b/c.d", ("two", {"x": "b", "y": "c"})),
        ("/a/b/cxd", ("none", None)),
        ("/%61", ("exact", None)),
        ("/a/b%2Fc.d", ("one", {"x": "b/c.d"})),
        ("/a/%2f", ("one", {"x": "/"})),
        ("/a%2Fb", ("none", None)),
        ("/a/b%252Fc", ("one", {"x": "b%2Fc"})),
        ("/a/b%20c%zz", ("one", {"x": "b c%zz"})),
        ("/a/", ("none", None)),
        ("/a//", ("none", None)),
        ("/A", ("none", None)),
        ("", ("none", None)),
        ("//a", ("none", None)),
    ],
)
async def test_a_path_finds_its_application(path: str, answer: tuple[str, object]) -> None:
    """An exact path wins over a pattern, a parameter is one segment that is not empty, everything else is otherwise."""
    answers: list[tuple[str, object]] = []
    table = {"/a": "exact", "/a/{x}": "one", "/a/fixed": "fixed", "/a/{x}/{y}.d": "two"}
    routes = Routes({at: answering(name, answers) for at, name in table.items()}, answering("none", answers))

    async def receive() -> dict[str, object]:
        return {}

    async def send(message: object) -> None:
        raise AssertionError(message)

    await routes({"path": unquote(path), "raw_path": path.encode()}, receive, send)
    assert answers == [answer]
