"""What is measured, and the rounds: A B C … A B C …, so that a machine whose speed drifts slows all alike."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from bench import servers
from bench.load import LoadError, Sample, load
from bench.place import NEW_CLIENT
from bench.starting import start

DISTINCT_TOKENS = 1000


class Workload(Struct, frozen=True):
    """One thing that is asked again and again."""

    name: str
    run: Callable[[float], Sample]


class Result(Struct, frozen=True):
    """The medians of one workload over the rounds; `ratio` is to the ceiling of the same round."""

    name: str
    rate: float
    p99: float
    ratio: float


class Outcome(Struct, frozen=True):
    """Everything that a run found.

    Attributes:
        results: one per workload, the ceiling first.
        peer_missing: why there is no peer, empty if there is one.
        first_token_seconds: from starting on an existing directory to the first token.
        memory_start: megabytes of the worker before the load.
        memory_half: after half of the tokens.
        memory_end: after all of them.
        tokens: how many.
    """

    results: tuple[Result, ...]
    peer_missing: str
    first_token_seconds: float
    memory_start: float
    memory_half: float
    memory_end: float
    tokens: int


def measure(data: Path, *, seconds: float, rounds: int, tokens: int, tell: Callable[[str], None]) -> Outcome:
    """Run everything.

    Args:
        data: an empty directory for Clientry's data.
        seconds: of each workload in each round.
        rounds: how many.
        tokens: how many tokens to issue before memory is looked at again.
        tell: is told what goes on.
    """
    first = servers.initialise(data)
    body = servers.form(first["client_id"], first["client_secret"])
    first_token = statistics.median(start(data, body).seconds for _ in range(3))
    peer = servers.peer()
    with ExitStack() as running:
        bare = running.enter_context(servers.ceiling())
        ours = running.enter_context(servers.clientry(data))
        before = ours.resident_megabytes()
        half, end = _memory(ours, body, tokens, tell)
        workloads = _workloads(bare, ours, first["client_id"], body, data)
        if isinstance(peer, servers.Process):
            theirs = running.enter_context(peer)
            form = servers.form("bench", "b" * 52)
            workloads.append(
                Workload("node-oidc-provider: token", lambda s: load(theirs.url + "/token", s, "token.lua", (form,)))
            )
        samples: dict[str, list[Sample]] = {workload.name: [] for workload in workloads}
        for number in range(rounds):
            for workload in workloads:
                tell(f"round {number + 1} of {rounds}: {workload.name}")
                try:
                    samples[workload.name].append(workload.run(seconds))
                except LoadError as problem:
                    raise LoadError(f"{workload.name}: {problem}") from None
    ceiling = [sample.rate for sample in samples[workloads[0].name]]
    return Outcome(
        results=tuple(_result(name, found, ceiling) for name, found in samples.items()),
        peer_missing=peer if isinstance(peer, str) else "",
        first_token_seconds=first_token,
        memory_start=before,
        memory_half=half,
        memory_end=end,
        tokens=tokens,
    )


def _workloads(bare: servers.Process, ours: servers.Process, client_id: str, body: str, data: Path) -> list[Workload]:
    token = servers.access_token(ours.url, body)
    many = data / "tokens.txt"
    many.write_text("\n".join(servers.access_token(ours.url, body) for _ in range(DISTINCT_TOKENS)) + "\n")
    header = (f"Authorization: Bearer {token}",)
    one = f"{ours.url}/v1/clients/{client_id}"
    page = f"{ours.url}/v1/clients?page_size=20&page_number=1"
    return [
        Workload("ceiling: constant JSON, bare", lambda s: load(bare.url, s)),
        Workload("constant JSON through everything", lambda s: load(ours.url + "/healthz", s)),
        Workload("token", lambda s: load(ours.url + servers.TOKEN, s, "token.lua", (body,))),
        Workload("get by id, one token", lambda s: load(one, s, None, header)),
        Workload("get by id, 1000 tokens", lambda s: load(one, s, "tokens.lua", (str(many),))),
        Workload("list, first page of 20", lambda s: load(page, s, None, header)),
        Workload("create", lambda s: load(f"{ours.url}/v1/clients", s, "create.lua", (token, NEW_CLIENT))),
    ]


def _memory(ours: servers.Process, body: str, tokens: int, tell: Callable[[str], None]) -> tuple[float, float]:
    """Return the memory after half of the tokens, and after all."""
    found: list[float] = []
    for part in range(2):
        issued = 0.0
        while issued < tokens / 2:
            tell(f"memory: {int(issued + part * tokens / 2):,} of {tokens:,} tokens")
            issued += load(ours.url + servers.TOKEN, 2, "token.lua", (body,)).rate * 2
        found.append(ours.resident_megabytes())
    return found[0], found[1]


def _result(name: str, found: list[Sample], ceiling: list[float]) -> Result:
    return Result(
        name=name,
        rate=statistics.median(sample.rate for sample in found),
        p99=statistics.median(sample.p99 for sample in found),
        ratio=statistics.median(sample.rate / top for sample, top in zip(found, ceiling, strict=True)),
    )
