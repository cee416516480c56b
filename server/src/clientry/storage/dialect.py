"""What differs between the engines' SQL."""

from typing import Final

from msgspec import Struct

from clientry.records.account import MAX_DEPTH
from clientry.records.identifier import ACCOUNT_ID_LENGTH


class Dialect(Struct, frozen=True):
    """What differs per engine.

    Attributes:
        contains: tells whether the text `{0}` contains the text `{1}`, letter by letter.
        slot: which of the rows that add up to a count a transaction writes to; where transactions run side by side each has
            its own, so that none waits for another.
        lock_account: makes the changes of the account `$1` wait for each other; empty where all changes do anyway.
        hold: what a SELECT ends with that keeps its rows from being deleted; empty for the same reason.
        claim: what a SELECT ends with that keeps its rows, and whatever refers to them, as they are.
        share: what a SELECT ends with that keeps its rows as they are, beside others that do so; empty for the same reason.
        keep: what a SELECT ends with that keeps a client and accounts as they are, and leaves out what is being changed; empty
            for the same reason.
        on_path: tells whether the id `{id}` is one of those of the path `{path}`.
        joined: the texts `{0}` of all rows, separated by commas.
    """

    contains: str
    slot: str
    lock_account: str
    hold: str
    claim: str
    share: str
    keep: str
    on_path: str
    joined: str


SQLITE: Final = Dialect(
    contains="instr({0}, {1}) > 0",
    slot="0",
    lock_account="",
    hold="",
    claim="",
    share="",
    keep="",
    on_path="{id} IN ("
    + ", ".join(
        f"substr({{path}}, {level * (ACCOUNT_ID_LENGTH + 1) + 1}, {ACCOUNT_ID_LENGTH})" for level in range(MAX_DEPTH)
    )
    + ")",
    joined="group_concat({0})",
)
POSTGRES: Final = Dialect(
    contains="strpos({0}, {1}) > 0",
    slot="pg_backend_pid() % 256",
    lock_account="SELECT 1 FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE",
    hold=" FOR KEY SHARE OF a",
    claim=" FOR UPDATE OF a",
    share=" FOR SHARE",
    keep=" FOR SHARE OF c SKIP LOCKED FOR KEY SHARE OF a SKIP LOCKED",
    on_path="{id} = ANY(string_to_array({path}, '/'))",
    joined="string_agg({0}, ',')",
)
