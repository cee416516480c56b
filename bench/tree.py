"""What a tree of 100,000 accounts costs, on both engines: `.venv/bin/python -m bench.tree [--accounts N] [--write-docs]`.

It reaches to the deepest level, and is measured against one account with as many clients; then it is suspended.
"""

import argparse
import http.client
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import servers
from bench.databases import Engine, engines
from bench.load import require_wrk
from bench.populations import SAMPLE, Planted, Population, Reader, in_turns, populate

DOCS = Path(__file__).parents[1] / "docs" / "explanation"
LEVELS = 6
"""Below the account that is planted, which is right below the root: eight in all."""
HELD = 1_000
CONNECTIONS = 20
PAGE = 100


class Suspension(Struct, frozen=True):
    """What became of a suspension: how long it took, and how many answers were still given to those below."""

    milliseconds: float
    tokens_held: int
    answers_after: int
    tokens_after: int


def rates(tree: Population, flat: Population, rounds: int, seconds: float) -> dict[str, float]:
    """Return how many times as much a token and a client by its id cost in the tree."""
    found: dict[str, list[float]] = {"token": [], "get": []}
    for _ in range(rounds):
        for kind, ratios in found.items():
            few = flat.measure(kind, seconds).processor
            ratios.append(tree.measure(kind, seconds).processor / few)
    return {name: statistics.median(ratios) for name, ratios in found.items()}


def reads(tree: Population, flat: Population) -> dict[str, float]:
    """Return how many times as long lists, counts and descendant checks take in the tree."""
    deep, own = Reader(tree), Reader(flat)
    first = f"/v1/clients?page_size={PAGE}&page_number=1&status=any"
    count = "/v1/clients?page_size=1&page_number=1"
    below, only = _accounts(deep, PAGE), _accounts(own, 1)[0]
    return {
        "page of clients": in_turns(deep.again(first), own.again(first)),
        "count of clients": in_turns(deep.again(count), own.again(count)),
        "count of accounts": in_turns(deep.again(_one_account()), own.again(_one_account())),
        "account, eight levels deep": in_turns(
            deep.again(f"/v1/accounts/{below[0]}"), own.again(f"/v1/accounts/{only}")
        ),
        "token narrowed to it": in_turns(_narrowed(tree, below), _narrowed(flat, [only])),
    }


def _one_account() -> str:
    return "/v1/accounts?page_size=1&page_number=1"


def _accounts(reader: Reader, size: int) -> list[str]:
    """Return the ids of the newest accounts: those of the lowest level."""
    listed = json.loads(reader.read(f"/v1/accounts?page_size={size}&page_number=1"))["accounts"]
    return [account["id"] for account in listed]


def _narrowed(population: Population, accounts: list[str]) -> Iterator[float]:
    """Ask for tokens for accounts in turn, and yield how many milliseconds each took."""
    connection = http.client.HTTPConnection(urlsplit(population.server.url).netloc, timeout=60)
    while True:
        for account in accounts:
            started = time.perf_counter()
            _ask_token(connection, {**population.admin, "account_id": account})
            yield (time.perf_counter() - started) * 1000


def _ask_token(connection: http.client.HTTPConnection, fields: dict[str, str]) -> str | None:
    """Return an access token, None if it is refused."""
    wanted = {name: fields[name] for name in ("client_id", "client_secret", "account_id") if name in fields}
    body = urlencode({"grant_type": "client_credentials", **wanted})
    connection.request("POST", servers.TOKEN, body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    return found["access_token"] if answer.status == 200 else None


def suspend(data: Path, planted: Planted, credentials: Path) -> Suspension:
    """Suspend the top of a tree on one worker of two, while a thousand clients below it hold tokens that were used on both."""
    lines = random.Random(2).sample(credentials.read_text().splitlines(), HELD)  # noqa: S311 - a sample
    pairs = [line.split() for line in lines]
    clients = [{"client_id": client_id, "client_secret": text} for client_id, text in pairs]
    with servers.clientry(data, workers=2) as server:
        connections = [http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60) for _ in range(CONNECTIONS)]
        tokens = [_ask_token(connections[index % CONNECTIONS], client) for index, client in enumerate(clients)]
        held = [token for token in tokens if token is not None and all(_is_answered(c, token) for c in connections[:4])]
        root = _ask_token(connections[0], planted.root)
        started = time.perf_counter()
        headers = {"Authorization": f"Bearer {root}", "Content-Type": "application/json"}
        connections[0].request("PATCH", f"/v1/accounts/{planted.account_id}", '{"status": "SUSPENDED"}', headers)
        answer = connections[0].getresponse()
        if answer.read() and answer.status != 200:
            raise RuntimeError(f"the suspension was answered with {answer.status}")
        took = (time.perf_counter() - started) * 1000
        answers = sum(_is_answered(connections[index % CONNECTIONS], token) for index, token in enumerate(held))
        again = [_ask_token(connections[index % CONNECTIONS], client) for index, client in enumerate(clients)]
        return Suspension(took, len(held), answers, sum(token is not None for token in again))


def _is_answered(connection: http.client.HTTPConnection, token: str) -> bool:
    connection.request("GET", "/v1/ping", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def measure(
    folder: Path, name: str, engine: Engine, accounts: int, rounds: int, seconds: float
) -> tuple[dict[str, float], Suspension]:
    """Make both populations on an engine and measure them."""
    clients = f"--clients={accounts}"
    shapes = {"flat": (clients, "--accounts=1"), "tree": (clients, f"--accounts={accounts}", f"--depth={LEVELS}")}
    with ExitStack() as serving:
        made: dict[str, Population] = {}
        planted: dict[str, Planted] = {}
        for shape, flags in shapes.items():
            place = folder / f"{name}-{shape}"
            planted[shape] = populate(folder, place.name, engine, *flags)
            server = serving.enter_context(servers.clientry(place))
            made[shape] = Population.of(place, server, engine, planted[shape], accounts)
        found = rates(made["tree"], made["flat"], rounds, seconds) | reads(made["tree"], made["flat"])
    return found, suspend(folder / f"{name}-tree", planted["tree"], folder / f"{name}-tree.txt")


def page(found: dict[str, tuple[dict[str, float], Suspension]], accounts: int, command: str) -> str:
    """Return docs/explanation/account-trees.md."""
    named = list(found)
    costs = "\n".join(
        f"| {name} | " + " | ".join(f"{found[engine][0][name]:.2f}" for engine in named) + " |"
        for name in found[named[0]][0]
    )
    falls = "\n".join(
        f"| {engine} | {one.milliseconds:.0f} ms | {one.tokens_held:,} | {one.answers_after} | {one.tokens_after} |"
        for engine, (_, one) in found.items()
    )
    return f"""# A tree of {accounts:,} accounts

Accounts stand in a tree of at most eight levels. Each carries the path from the root to itself, and so do its clients: whether one
account is below another is a comparison of two strings, and everything below an account is one range of an index. How many accounts
there are, and how deep one is, is not felt.

{accounts:,} accounts on six levels below one account, with a client each, against the same number of clients in the only account
below another: what a request of the upper account's admin client costs, as a multiple, both asked in turns. Measured by:

```sh
{command}
```

| | {" | ".join(named)} |
|{"---|" * (len(named) + 1)}
{costs}

*token*, *get*: processor time, the database's included; {SAMPLE:,} of the clients in turn, chosen at random on every level.
*account*, *token narrowed*: one of the lowest level, asked for by the uppermost, against the only account below another.

## Suspending it

A suspended account, and all below it, gets no tokens and no answers. Nothing is written to the accounts below: whoever is asked
looks at the accounts of the path. {HELD:,} clients chosen at random in the tree, whose tokens were in use on two workers; then the
uppermost account is suspended through one of them, and right after the answer each of these clients asks once more:

| engine | the suspension took | tokens in use before | of these answered after | new tokens after |
|---|---|---|---|---|
{falls}
"""


def main() -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tree", description="Measure a deep tree of accounts against one account."
    )
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--write-docs", action="store_true", help="renew docs/explanation/account-trees.md")
    chosen = parser.parse_args()
    require_wrk()
    console, found = Console(), dict[str, tuple[dict[str, float], Suspension]]()
    with engines() as (folder, made), console.status("") as status:
        for name, engine in made.items():
            status.update(name)
            found[name] = measure(folder, name, engine, chosen.accounts, chosen.rounds, chosen.seconds)
    shown = Table("", *found)
    for name in found["SQLite"][0]:
        shown.add_row(name, *(f"{costs[name]:.2f}" for costs, _ in found.values()))
    console.print(shown)
    for engine, (_, suspension) in found.items():
        console.print(engine, suspension)
    if chosen.write_docs:
        command = ".venv/bin/python -m bench.tree --write-docs"
        DOCS.joinpath("account-trees.md").write_text(page(found, chosen.accounts, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
