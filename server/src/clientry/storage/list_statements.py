"""The SQL statements of lists: counts, slices and the way back, for every combination of filters."""

from functools import cache
from typing import Final

from msgspec import Struct

from clientry.records.client import ClientType
from clientry.records.identifier import ACCOUNT_ID_LENGTH
from clientry.storage import AccountFilter, ClientFilter, ClientStatus, Start
from clientry.storage.statements import ACCOUNT_COLUMNS, CLIENT_COLUMNS, Dialect


class ListShape(Struct, frozen=True):
    """What a list statement depends on, beside its parameters.

    Attributes:
        enabled: the states that are wanted.
        types: the types that are wanted.
        by_name: whether a name is filtered for.
        by_owner: whether an owner is filtered for.
        labels: how many labels are filtered for.
    """

    enabled: tuple[bool, ...] = (True, False)
    types: tuple[ClientType, ...] = tuple(ClientType)
    by_name: bool = False
    by_owner: bool = False
    labels: int = 0

    @property
    def texts(self) -> int:
        """How many parameters are looked for in the clients themselves."""
        return self.by_name + self.by_owner + self.labels

    @property
    def by_text(self) -> bool:
        """Whether the clients themselves must be looked at to tell which are wanted."""
        return self.texts > 0


def shape_of(wanted: ClientFilter) -> ListShape:
    """Return the shape of a filter."""
    states = {
        ClientStatus.ACTIVE: (True,),
        ClientStatus.DISABLED: (False,),
        ClientStatus.ANY: (True, False),
    }
    return ListShape(
        states[wanted.status],
        tuple(ClientType) if wanted.client_type is None else (wanted.client_type,),
        wanted.name is not None,
        wanted.client_owner is not None,
        len(wanted.labels),
    )


@cache
def client_slice(shape: ListShape, start: str, dialect: Dialect) -> str:
    """Return the statement for consecutive rows of a list of clients, newest first.

    Parameters: list key, date and id of the position, [name], [owner], labels, limit, offset. `start`: see `_BOUNDS`.
    """
    return (
        f"SELECT {CLIENT_COLUMNS}, 0 FROM ({_merged(shape, _BOUNDS[start], 'DESC', dialect)}) AS l "
        "JOIN clients AS c ON c.client_id = l.client_id ORDER BY l.date_created DESC, l.client_id DESC"
    )


@cache
def client_back(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the positions newer than one, the nearest first. Parameters as in `client_slice`."""
    return _merged(shape, _BOUNDS["newer"], "ASC", dialect)


@cache
def client_count(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the size of a list of clients. Parameters: list key, [name], [owner], labels.

    Counts are kept and summed up, unless a text is filtered for: then the list is walked.
    """
    if not shape.by_text:
        states = ", ".join(str(int(state)) for state in shape.enabled)
        types = ", ".join(f"'{kind.value}'" for kind in shape.types)
        return (
            "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM client_counts "
            f"WHERE list_key = $1 AND enabled IN ({states}) AND client_type IN ({types})"
        )
    keys = " UNION ALL ".join(_ranges(shape, "", dialect, first=2))
    return f"SELECT COUNT(*) FROM ({keys}) AS k"


class AccountShape(Struct, frozen=True):
    """What a list statement of accounts depends on, beside its parameters: which conditions there are."""

    by_parent: bool = False
    by_status: bool = False
    by_name: bool = False
    by_owner: bool = False

    @property
    def filters(self) -> bool:
        """Whether the accounts themselves must be looked at to tell which are wanted."""
        return self != AccountShape()

    def conditions(self, dialect: Dialect, first: int) -> str:
        """Return the conditions; their parameters are numbered from `first` on."""
        parent = f"substr(a.path, length(a.path) - {2 * ACCOUNT_ID_LENGTH}, {ACCOUNT_ID_LENGTH})"
        name = "COALESCE(a.friendly_name_folded, lower(a.friendly_name))"
        templates = {
            f"length(a.path) > {ACCOUNT_ID_LENGTH} AND {parent} = {{0}}": self.by_parent,
            "a.status = {0}": self.by_status,
            dialect.contains.format(name, "{0}"): self.by_name,
            "COALESCE(a.owner_email_folded, lower(a.owner_email)) = {0}": self.by_owner,
        }
        chosen = [template for template, wanted in templates.items() if wanted]
        return "".join(f" AND {template.format(f'${number}')}" for number, template in enumerate(chosen, first))

    @property
    def parameters(self) -> int:
        """How many conditions there are."""
        return self.by_parent + self.by_status + self.by_name + self.by_owner


def account_shape_of(wanted: AccountFilter) -> AccountShape:
    """Return the shape of a filter."""
    return AccountShape(
        wanted.parent_id is not None,
        wanted.status is not None,
        wanted.friendly_name is not None,
        wanted.owner_email is not None,
    )


def _account_range(shape: AccountShape, bound: str, dialect: Dialect, first: int = 4) -> str:
    joined = "JOIN accounts AS a ON a.account_id = k.account_id " if shape.filters else ""
    return (
        f"SELECT k.date_created, k.account_id FROM account_listing AS k {joined}"
        f"WHERE k.list_key = $1 {bound.format(id='k.account_id')}{shape.conditions(dialect, first)}"
    )


@cache
def account_slice(shape: AccountShape, start: str, dialect: Dialect) -> str:
    """Return the statement for consecutive rows of a list of accounts.

    Parameters: list key, date and id of the position, those of the shape, limit, offset.
    """
    limit, offset = 4 + shape.parameters, 5 + shape.parameters
    return (
        f"SELECT {ACCOUNT_COLUMNS}, 0 FROM ({_account_range(shape, _BOUNDS[start], dialect)} "
        f"ORDER BY k.date_created DESC, k.account_id DESC LIMIT ${limit} OFFSET ${offset}) "
        "AS l JOIN accounts AS a ON a.account_id = l.account_id ORDER BY l.date_created DESC, l.account_id DESC"
    )


@cache
def account_back(shape: AccountShape, dialect: Dialect) -> str:
    """Return the statement for the positions newer than one, the nearest first. Parameters as in `account_slice`."""
    limit, offset = 4 + shape.parameters, 5 + shape.parameters
    return (
        f"{_account_range(shape, _BOUNDS['newer'], dialect)} "
        f"ORDER BY k.date_created, k.account_id LIMIT ${limit} OFFSET ${offset}"
    )


@cache
def account_count(shape: AccountShape, dialect: Dialect) -> str:
    """Return the statement for the size of a list of accounts; it is walked where there are filters.

    Parameters: list key, those of the shape.
    """
    if not shape.filters:
        return "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM account_counts WHERE list_key = $1"
    return f"SELECT COUNT(*) FROM ({_account_range(shape, '', dialect, first=2)}) AS k"


_BOUNDS: Final = {
    "newest": "AND CAST($2 AS BIGINT) IS NOT NULL AND CAST($3 AS TEXT) IS NOT NULL",
    "after": "AND (k.date_created, {id}) < ($2, $3)",
    "at": "AND (k.date_created, {id}) <= ($2, $3)",
    "newer": "AND (k.date_created, {id}) > ($2, $3)",
}


def start_kind(start: Start) -> str:
    """Return which of the bounds a start needs."""
    return "after" if start.after is not None else "at" if start.at is not None else "newest"


def _merged(shape: ListShape, bound: str, direction: str, dialect: Dialect) -> str:
    """Return the statement for the keys of a list, in order.

    It is a merge of at most four ranges of one index, one per state and type, each read no further than the rows that are wanted:
    so a page costs the same wherever it is. (PostgreSQL reads a range whole if it is not told the order and the end of each.)
    """
    order = f"ORDER BY k.date_created {direction}, k.client_id {direction}"
    limit, offset = (f"CAST(${number + shape.texts} AS BIGINT)" for number in (4, 5))
    ranges = " UNION ALL ".join(
        f"SELECT date_created, client_id FROM ({one} {order} LIMIT {limit} + {offset}) AS r{number}"
        for number, one in enumerate(_ranges(shape, bound, dialect))
    )
    return f"SELECT k.date_created, k.client_id FROM ({ranges}) AS k {order} LIMIT {limit} OFFSET {offset}"


def _ranges(shape: ListShape, bound: str, dialect: Dialect, first: int = 4) -> list[str]:
    """Return the ranges of the index, one SELECT each; text parameters are numbered from `first` on."""
    conditions = [bound.format(id="k.client_id")]
    number = first
    if shape.by_name:
        conditions.append("AND " + dialect.contains.format("c.name_folded", f"${number}"))
        number += 1
    if shape.by_owner:
        conditions.append(f"AND c.client_owner_folded = ${number}")
        number += 1
    conditions += [
        "AND " + dialect.contains.format("c.labels", f"${place}") for place in range(number, number + shape.labels)
    ]
    joined = "JOIN clients AS c ON c.client_id = k.client_id " if shape.by_text else ""
    return [
        f"SELECT k.date_created, k.client_id FROM client_listing AS k {joined}"
        f"WHERE k.list_key = $1 AND k.enabled = {int(state)} AND k.client_type = '{kind.value}' {' '.join(conditions)}"
        for state in shape.enabled
        for kind in shape.types
    ]
