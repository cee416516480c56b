"""The corpus on the wire: raw requests after RFC 9110 and 9112, whole and in pieces, against the real server."""

import itertools
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from tests.process.corpus.corpus import CORPUS
from tests.process.corpus.entry import CLIENT_ID, CLIENT_SECRET, MUST, SHOULD, STRICT, TAG, TOKEN, Entry
from tests.support.conversation import Answer, Conversation, Malformed
from tests.support.eventually import eventually
from tests.support.registry import Registry
from tests.support.server import Server
from tests.support.wire import TOKEN_PATH, Wire, bearer

from clientry.registry.listing import CHUNK

WAYS = ("whole", "byte by byte", "in pieces")
BEHIND_PROXY = {"CLIENTRY_BEHIND_PROXY": "true", "CLIENTRY_PUBLIC_URL": "http://127.0.0.1:1"}
REGISTRY_FORM = {"status", "message", "code", "info"}
OAUTH_FORM = {"error", "error_description", "error_uri"}

_FOLLOWING = b"GET /%b/following HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % TAG
_CREATE = b'{"name":"n","locked":false,"scopes":{}}'
_FOLLOWING_SEEN = f"GET /{TAG.decode()}/following"


class Outcome(NamedTuple):
    """What became of an entry. `following`: whether the connection was open for one more request; `trouble`: what else."""

    answers: list[Answer]
    statuses: tuple[int, ...]
    following: bool
    seen: tuple[str, ...]
    trouble: str


class Stand(NamedTuple):
    """What stands in for the stand-ins of the corpus."""

    url: str
    client_id: str
    client_secret: str
    token: str

    def real(self, raw: bytes, tag: bytes) -> bytes:
        """Return the bytes that are sent; an entry's lengths stay right."""
        named = raw.replace(CLIENT_ID, self.client_id.encode()).replace(CLIENT_SECRET, self.client_secret.encode())
        return named.replace(TAG, tag).replace(TOKEN, self.token.encode())


def pieces(raw: bytes, way: str) -> tuple[list[bytes], float]:
    """Return the parts that are sent, and the pause between them."""
    if way == "whole":
        return [raw], 0.0
    if way == "byte by byte":
        step = max(1, len(raw) // 1000)
        return [raw[at : at + step] for at in range(0, len(raw), step)], 0.0
    chance = random.Random(raw)  # noqa: S311 the same cuts every time
    cuts = sorted(chance.sample(range(1, len(raw)), min(6, len(raw) - 1)))
    return [raw[start:end] for start, end in itertools.pairwise([0, *cuts, len(raw)])], 0.002


def converse(stand: Stand, entry: Entry, way: str, tag: bytes) -> Outcome:
    """Send an entry; where the connection should stay open, one more request; where not, it follows in the same breath."""
    following, trouble = stand.real(_FOLLOWING, tag), ""
    raw = stand.real(entry.raw, tag) + (following if entry.closed and way != "whole" else b"")
    with Conversation(stand.url, entry.heads) as connection:
        try:
            connection.send(*pieces(raw, way))
            if not entry.closed and connection.read(len(entry.answers)):
                connection.send([following])
            if not connection.read_to_the_end():
                trouble = "it was not closed"
        except TimeoutError:
            trouble = "no answer"
        except Malformed as problem:
            trouble = f"malformed {problem}"
        statuses = connection.statuses
        asked = not entry.closed and len(statuses) == len(entry.answers) + 1
        return Outcome(connection.answers, statuses[:-1] if asked else statuses, asked, (), trouble)


def logged(server: Server) -> dict[str, tuple[str, ...]]:
    """Return method and path of the requests that the application saw, by the tag in their path."""
    found: dict[str, tuple[str, ...]] = {}
    for line in server.log.splitlines():
        entry = json.loads(line)
        if entry["event"] == "request" and (
            tag := next((s for s in entry["path"].split("/") if s.startswith("t0")), "")
        ):
            request = f"{entry['method']} {entry['path']}".replace(tag, TAG.decode())
            found[tag] = (*found.get(tag, ()), request)
    return found


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server that believes forwarded headers from here."""
    with Server(tmp_path_factory.mktemp("corpus") / "data", env=BEHIND_PROXY) as running:
        yield running


@pytest.fixture(scope="module")
def outcomes(behind_proxy: Server) -> dict[tuple[str, str], Outcome]:
    """Send the whole corpus in every way, several at a time, and then read the log once."""
    registry = Registry(behind_proxy.url, behind_proxy.admin)
    client = registry.create()
    with Wire(behind_proxy.url) as wire:
        for _ in range(CHUNK):  # and one more, above: a page of them all is sent in parts
            wire.send("POST", "/v1/clients", [bearer(registry.token), ("Content-Type", "application/json")], _CREATE)
    stand = Stand(behind_proxy.url, *client, registry.token)
    tasks = list(itertools.product(CORPUS, WAYS))
    tags = [b"t%07x" % number for number in range(len(tasks))]
    with ThreadPoolExecutor(8) as threads:
        under_way = [
            threads.submit(converse, stand, entry, way, tag) for (entry, way), tag in zip(tasks, tags, strict=True)
        ]
        done = [one.result() for one in under_way]
    behind_proxy.request("GET", "/the-end")
    eventually(lambda: "/the-end" in behind_proxy.log, 5)
    seen = logged(behind_proxy)
    return {
        (entry.name, way): outcome._replace(seen=seen.get(tag.decode(), ()))
        for (entry, way), tag, outcome in zip(tasks, tags, done, strict=True)
    }


def agrees(answer: int, right: int | tuple[int, ...]) -> bool:
    return answer in (right if isinstance(right, tuple) else (right,))


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_the_corpus_gets_its_answers(outcomes: dict[tuple[str, str], Outcome], entry: Entry) -> None:
    """However it is cut, an entry gets its answers, the application sees its requests, and the connection ends or stays."""
    for way in WAYS:
        is_right(outcomes[entry.name, way], entry, way)


def is_right(outcome: Outcome, entry: Entry, way: str) -> None:
    answers, seen, stays_open = entry.answers, entry.seen, not entry.closed
    if entry.unread and not outcome.following:
        answers, stays_open = answers[: len(outcome.statuses) or 1], False
        seen = seen[: len(outcome.seen)]
    right = (answers, stays_open, (*seen, _FOLLOWING_SEEN) if stays_open else seen, "")
    got = (outcome.statuses, outcome.following, outcome.seen, outcome.trouble)
    assert len(outcome.statuses) == len(answers), (way, got, right)
    assert all(map(agrees, outcome.statuses, answers)), (way, got, right)
    assert got[1:] == right[1:], (way, got, right)


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_answers_say_how_they_end(outcomes: dict[tuple[str, str], Outcome], entry: Entry) -> None:
    """The last answer says `close`, HTTP/1.0 gets no chunks and is told when it may go on, and nobody is switched."""
    for way in WAYS:
        answers = [answer for answer in outcomes[entry.name, way].answers if answer.status != 100]
        assert b"close" in answers[-1].fields.get(b"connection", b"").lower(), way
        assert all(answer.status != 101 for answer in answers), way
        if b" HTTP/1.0\r\n" in entry.raw:
            assert not any(b"transfer-encoding" in answer.fields for answer in answers), way
            kept = answers if not entry.closed else answers[:-1]
            assert all(
                answer.fields[b"connection"].lower() == b"keep-alive" for answer in kept[: len(entry.answers)]
            ), way


def test_a_pipeline_beyond_the_bound_is_told_so(behind_proxy: Server) -> None:
    """Of 1,000 requests at once some are answered, in order, and the rest is refused together with the connection."""
    with Conversation(behind_proxy.url) as connection:
        connection.send([b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000])
        assert connection.read_to_the_end()
        assert set(connection.statuses[:-1]) == {200}
        assert connection.statuses[-1] == 400
        assert len(connection.statuses) < 1000


def test_a_fault_in_a_body_does_not_take_its_answer_away(behind_proxy: Server) -> None:
    """Whether the answer or the fault in the rest of the body comes first, the client gets one of the two answers."""
    head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(100):
        with Conversation(behind_proxy.url) as connection:
            connection.send([head, b"5\r\n", b"1", b"234567", b"890"])
            assert connection.read_to_the_end()
            assert connection.statuses in ((400,), (404,))


def test_refusals_are_in_the_form_of_their_path(outcomes: dict[tuple[str, str], Outcome]) -> None:
    """What never reached the application is refused as the application would: as the registry does, or as RFC 6749 says."""
    for entry in CORPUS:
        if entry.answers in ((400,), (417,)) and entry.closed:
            asked_for_a_token = entry.raw.startswith(b"POST " + TOKEN_PATH.encode())
            for way in WAYS:
                body = json.loads(outcomes[entry.name, way].answers[-1].body)
                assert set(body) == (OAUTH_FORM if asked_for_a_token else REGISTRY_FORM), (entry.name, way, body)


def test_the_corpus_is_in_order() -> None:
    """Names are unique, sentences end, sections are numbers of RFC 9110, 9112 or 9113, and no entry lacks a stand-in's length."""
    assert len({entry.name for entry in CORPUS}) == len(CORPUS)
    for entry in CORPUS:
        assert entry.sentence.endswith("."), entry
        assert entry.section.split()[0] in ("9110", "9112", "9113"), entry
        assert entry.level in (MUST, SHOULD, STRICT), entry
        assert entry.answers, entry


def test_100_comes_before_the_body(behind_proxy: Server) -> None:
    """RFC 9110 section 10.1.1: who waits for 100 gets it, and the answer after the body; HTTP/1.0 never gets it."""
    form = b"grant_type=client_credentials"
    head = (
        b"POST /api-services/v1/auth/token %b\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    with Conversation(behind_proxy.url) as connection:
        connection.send([head % (b"HTTP/1.1", len(form))])
        deadline = time.monotonic() + 5
        while not connection.answers and time.monotonic() < deadline:
            connection.read_some()
        assert [answer.status for answer in connection.answers] == [100]
        connection.send([form])
        assert connection.read(1)
        assert [answer.status for answer in connection.answers] == [100, 401]
    with Conversation(behind_proxy.url) as connection:
        connection.send([head % (b"HTTP/1.0", len(form)), form], 0.2)
        assert connection.read_to_the_end()
        assert [answer.status for answer in connection.answers] == [401]


def test_no_100_for_what_is_refused_at_once(behind_proxy: Server) -> None:
    """RFC 9110 section 10.1.1: an answer that needs no body comes instead of 100, and ends the connection."""
    with Conversation(behind_proxy.url) as connection:
        connection.send([b"POST /nothing HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"])
        assert connection.read_to_the_end()
        assert [answer.status for answer in connection.answers] == [404]


def test_trailers_do_not_say_where_a_request_came_from(behind_proxy: Server) -> None:
    """RFC 9110 section 6.5.1: X-Forwarded-For and X-Request-ID in a trailer are no header fields, even from a proxy."""
    with Conversation(behind_proxy.url) as connection:
        connection.send(
            [
                b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nX-Request-ID: in-the-head\r\n\r\n0\r\n"
                b"X-Forwarded-For: 203.0.113.9\r\nX-Request-ID: in-the-trailer\r\n\r\n"
            ]
        )
        assert connection.read(1)
    eventually(lambda: "in-the-head" in behind_proxy.log, 5)
    (line,) = (line for line in behind_proxy.log.splitlines() if "in-the-head" in line and '"event":"request"' in line)
    assert json.loads(line)["address"] == "127.0.0.1"
    assert "in-the-trailer" not in behind_proxy.log
