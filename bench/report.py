"""A run as a table, as a page, and as a picture."""

import platform
from datetime import UTC, datetime
from html import escape
from os import cpu_count

from bench.workloads import Outcome, Result

PEER = "node-oidc-provider: token"
TARGETS = (("token", 0.2), ("get by id, one token", 0.25), ("get by id, 1000 tokens", 0.25))

ELSEWHERE = """
## What a change costs

```sh
.venv/bin/python -m bench.versions REVISION
```

compares this checkout with an earlier revision, on both engines: the processor time of a token, of a client by its id and of
a creation, the time from a start to the first token, and the memory of a worker after a fixed load. Both run on the same
machine, from their sources and with the libraries of today, and are measured in turns. Each ratio is the median of the
rounds, and its spread is shown beside it.

## What open connections cost

```sh
.venv/bin/python -m bench.connections
```

brings 10,000 connections, and 1,000 with TLS, into each state that a connection can be in: silent, in the middle of a head or
of a body, kept after an answer, not reading its answer. It shows what memory each takes, how long after its deadline each was
ended, and whether others got their tokens meanwhile. It raises the number of open files (`ulimit -n`) where it may, and says
so where it may not.
"""


def rows(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    """Return the table: what, per second, ratio to the ceiling, 99th percentile."""
    return [
        (result.name, f"{result.rate:,.0f}", f"{result.ratio:.3f}", f"{result.p99:.1f} ms")
        for result in outcome.results
    ]


def verdicts(outcome: Outcome) -> list[tuple[str, str, bool]]:
    """Return what was to be reached: what, found and wanted, whether it was."""
    found = {result.name: result for result in outcome.results}
    lines = [
        (f"{name}, of the ceiling", f"{found[name].ratio:.3f}, wanted {least:.3f}", found[name].ratio >= least)
        for name, least in TARGETS
    ]
    if PEER in found:
        times = found["token"].rate / found[PEER].rate
        lines.append(("token, times node-oidc-provider", f"{times:.2f}, wanted 1.75", times >= 1.75))
    start = outcome.first_token_seconds
    lines.append(("from start to first token", f"{start:.2f} s, wanted below 1 s", start < 1))
    growth = outcome.memory_end - outcome.memory_half
    memory = f"{outcome.memory_start:.0f}, {outcome.memory_half:.0f}, {outcome.memory_end:.0f} MB"
    lines.append(
        (
            f"memory at the start, after {outcome.tokens // 2:,} and {outcome.tokens:,} tokens",
            f"{memory}, wanted below 100 MB and flat",
            outcome.memory_end < 100 and growth < 5,
        )
    )
    return lines


def page(outcome: Outcome, command: str) -> str:
    """Return docs/explanation/performance.md."""
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows(outcome))
    reached = "\n".join(f"| {what} | {found} | {'yes' if good else 'no'} |" for what, found, good in verdicts(outcome))
    missing = f"\nThe peer was not measured: {outcome.peer_missing}.\n" if outcome.peer_missing else ""
    return f"""# How fast it is

One worker, SQLite with every commit flushed, ES256, a log line for each request; wrk with 32 connections on the same machine. All
in one run, in interleaved rounds; each figure is the median of the rounds, each ratio is to the ceiling of its own round. Machines
differ and are noisy: compare the ratios, not the rates.

Measured on {datetime.now(UTC):%Y-%m-%d} with {cpu_count()} cores, Python {platform.python_version()}, by:

```sh
{command}
```

| workload | per second | of the ceiling | 99% below |
|---|---|---|---|
{table}
{missing}
![The same as bars](performance.svg)

| to be reached | found | reached |
|---|---|---|
{reached}

The ceiling is constant JSON from a pinned uvicorn with a plain ASGI application, which does not become faster when Clientry does.
The second line is constant JSON through everything that Clientry has. node-oidc-provider runs with its client in memory and issues
ES256 JWTs by the same grant.
{ELSEWHERE}"""


def picture(outcome: Outcome) -> str:
    """Return the bars as SVG, for light and dark."""
    top = max(result.rate for result in outcome.results)
    bars = "\n".join(_bar(number, result, top) for number, result in enumerate(outcome.results))
    height = 30 * len(outcome.results) + 16
    style = (
        "text{font:13px system-ui,sans-serif;fill:#1c2430}.bar{fill:#1f5fbf}"
        "@media(prefers-color-scheme:dark){text{fill:#dfe5ee}.bar{fill:#7fb0ff}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" '
        f'aria-label="Requests per second"><style>{style}</style>\n{bars}\n</svg>\n'
    )


def _bar(number: int, result: Result, top: float) -> str:
    y = 30 * number + 8
    width = max(2, round(360 * result.rate / top))
    return (
        f'<text x="8" y="{y + 16}">{escape(result.name)}</text>'
        f'<rect class="bar" x="250" y="{y + 2}" width="{width}" height="18" rx="3"/>'
        f'<text x="{256 + width}" y="{y + 16}">{result.rate:,.0f}/s</text>'
    )
