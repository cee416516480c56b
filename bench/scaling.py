"""From what one request costs here to what many need: docs/explanation/scaling.md."""

import math
from os import cpu_count

from msgspec import Struct

from bench.side_by_side import WRITERS, SideBySide

CORES = 8
"""Cores of one machine in the table."""
BUSY = 0.6
"""The share of its cores that a machine should be busy at most, so that a peak or a dead neighbour is carried."""
CHANGES = 0.001
"""Changes per token: clients are made and changed a thousand times less often than they ask for tokens."""


class Costs(Struct, frozen=True):
    """What was measured: processor microseconds per request, and the rates that were seen.

    Attributes:
        token: of Clientry on PostgreSQL.
        token_database: of PostgreSQL for it.
        token_sqlite: of Clientry on SQLite, database included.
        create: of Clientry on PostgreSQL.
        create_database: of PostgreSQL for it.
        rates: answers per second, per place and workload.
        commits: changes per second on SQLite, one commit each and grouped.
        accounts: how accounts change at once on PostgreSQL.
    """

    token: float
    token_database: float
    token_sqlite: float
    create: float
    create_database: float
    rates: dict[str, dict[str, float]]
    commits: tuple[float, float]
    accounts: SideBySide


def machines(rate: float, microseconds: float) -> tuple[float, int]:
    """Return the cores that a rate keeps busy, and the machines for it."""
    cores = rate * microseconds / 1e6
    return cores, max(1, math.ceil(cores / (CORES * BUSY)))


def _row(rate: int, costs: Costs) -> str:
    cores, nodes = machines(rate, costs.token)
    database = rate * (costs.token_database + CHANGES * costs.create_database) / 1e6
    sqlite = rate * costs.token_sqlite / 1e6
    one = "yes" if sqlite <= CORES * BUSY else "no"
    if database <= CORES * BUSY:
        first = "nothing: one primary, with a replica for its failure"
    elif database <= 64 * BUSY:
        first = f"a primary of {math.ceil(database / BUSY)} cores"
    else:
        first = f"the primary: look-ups on {math.ceil(database / (64 * BUSY))} databases of 64 cores (see below)"
    return f"| {rate:,} | {one} | {cores:.1f} | {nodes if nodes > 1 else '1 + 1 spare'} | {database:.1f} | {first} |"


def page(costs: Costs, command: str) -> str:
    """Return the page."""
    rows = "\n".join(_row(10**power, costs) for power in range(3, 7))
    seen = "\n".join(
        f"| {place} | {kinds['token']:,.0f} | {kinds['get']:,.0f} | {kinds['create']:,.0f} |"
        for place, kinds in costs.rates.items()
    )
    ratio = costs.rates["PostgreSQL, 1 worker"]["token"] / costs.rates["SQLite, 1 worker"]["token"]
    twice = {
        engine: costs.rates[f"{engine}, 2 workers"]["token"] / costs.rates[f"{engine}, 1 worker"]["token"]
        for engine in ("SQLite", "PostgreSQL")
    }
    single, grouped = costs.commits
    spread = costs.accounts.own_accounts / costs.accounts.one_account
    beside = costs.accounts.beside_an_open_change / costs.accounts.undisturbed
    return f"""# From a thousand tokens a second to a million

Everything on this page follows from what one request costs on the machine where this was run, with {cpu_count()} cores that the
load generator and the database share. Do it again on yours:

```sh
{command}
```

## Measured

| | tokens/s | gets/s | creates/s |
|---|---|---|---|
{seen}

PostgreSQL on the same machine gives {ratio:.2f} times the tokens of SQLite with one worker. Two workers give
{twice["SQLite"]:.2f} times one on SQLite and {twice["PostgreSQL"]:.2f} times on PostgreSQL; with {cpu_count()} cores for workers,
database and load together that is what the cores allow, not what the workers would.

A token costs {costs.token:.0f} µs of a core in Clientry and {costs.token_database:.0f} µs in PostgreSQL, where look-ups that wait
at the same time share a statement; on SQLite it costs {costs.token_sqlite:.0f} µs altogether. A client that is created costs
{costs.create:.0f} µs and {costs.create_database:.0f} µs. On SQLite 64 writers make {grouped:,.0f} changes a second, because waiting
changes share a commit; with a commit each they make {single:,.0f}.

## What that needs

Machines of {CORES} cores, busy to {BUSY:.0%}; one change for every {1 / CHANGES:,.0f} tokens.

| tokens/s | SQLite on one machine | cores of Clientry | machines | cores of PostgreSQL | what runs out |
|---|---|---|---|---|---|
{rows}

Tokens live for minutes or hours: a million tokens a second are hundreds of millions of integrations. Before adding machines, look
at the lifetimes of tokens, and at integrations that ask for one with every call.

## What runs out first, and what to do

1. **The signature.** Most of a token's time in Clientry is its ECDSA signature and HTTP. Nodes share nothing but the database: add
   workers up to the number of cores, then machines.
2. **Connections.** Each worker holds two for look-ups and up to `database_connections` for changes. 50 workers with 10 are 600:
   lower the setting, or put a pooler in between.
3. **The primary's cores.** Look-ups are reads by primary key, and every node reads the primary: that is why a disabled client is
   refused everywhere from the next request on. Where that is more than one machine can carry, the way on is a database that is
   itself spread over machines: the SQL uses no advisory locks, no notifications and no sequences, and retries what conflicts, so
   that PostgreSQL-compatible distributed databases can take it. None of them has been tested.
4. **Changes of one account** wait for each other, because its audit events are one chain. Accounts do not wait for each other:
   on PostgreSQL, straight in storage, {WRITERS} writers that each make clients in an account of their own make
   {spread:.1f} times as many as {WRITERS} writers in one account, and one writer makes
   {beside:.2f} times as many while a change of a sibling account is held open.

## Read replicas and regions

Clientry reads the primary only. A replica lags behind, and a replica that answers a look-up would let a client that was disabled
a moment ago have a token. Nodes in another region therefore pay the way to the primary with every token: one round trip, shared by
the look-ups that wait at the same time. What needs no database is local everywhere: the JWK Set, the metadata, and the checking of
tokens by your APIs, which ask nobody.

| | consistency |
|---|---|
| tokens, and this API's answers to them | every node sees each acknowledged change from the next request on |
| lists | one state of the database for each 500 rows; a walk over pages misses nobody who was there all the time |
| counts | exact, of the same state as the first rows of the page |
| tokens that your APIs check offline | good until they expire: choose the lifetime by how long you can bear that |
"""
