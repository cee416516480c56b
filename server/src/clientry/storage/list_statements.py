"""The SQL statements of lists: counts, slices and the way back, for every combination of filters."""

from functools import cache
from typing import Final

from msgspec import Struct

from clientry.records.client import ClientType
from clientry.records.identifier import ACCOUNT_ID_LENGTH
from clientry.storage import AccountFilter, ClientFilter, ClientStatus, Start
from clientry.storage.dialect import Dialect
from clientry.storage.statements import ACCOUNT_COLUMNS, CLIENT_COLUMNS


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
        ClientStatus.DELETED: (True, False),
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
        f"SELECT {CLIENT_COLUMNS}, NULL FROM ({_merged(shape, _BOUNDS[start], 'DESC', dialect)}) AS l "
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
        f"WHERE k.list_key = $1 {_bounded(bound, '(k.date_created, k.account_id)')}{shape.conditions(dialect, first)}"
    )


@cache
def account_slice(shape: AccountShape, start: str, dialect: Dialect) -> str:
    """Return the statement for consecutive rows of a list of accounts.

    Parameters: list key, date and id of the position, those of the shape, limit, offset.
    """
    limit, offset = 4 + shape.parameters, 5 + shape.parameters
    return (
        f"SELECT {ACCOUNT_COLUMNS}, NULL FROM ({_account_range(shape, _BOUNDS[start], dialect)} "
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
    "newest": "AND CAST({date} AS BIGINT) IS NOT NULL AND CAST({id} AS TEXT) IS NOT NULL",
    "after": "AND {row} < ({date}, {id})",
    "at": "AND {row} <= ({date}, {id})",
    "newer": "AND {row} > ({date}, {id})",
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
    bounded = _bounded(bound, "(k.date_created, k.client_id)")
    joined = "JOIN clients AS c ON c.client_id = k.client_id " if shape.by_text else ""
    texts = _texts(shape, dialect, first)
    return [
        f"SELECT k.date_created, k.client_id FROM client_listing AS k {joined}"
        f"WHERE k.list_key = $1 AND k.enabled = {int(state)} AND k.client_type = '{kind.value}' {bounded}{texts}"
        for state in shape.enabled
        for kind in shape.types
    ]


def _texts(shape: ListShape, dialect: Dialect, first: int) -> str:
    """Return the conditions on what the clients themselves hold; their parameters are numbered from `first` on."""
    templates = [
        *([dialect.contains.format("c.name_folded", "{0}")] if shape.by_name else []),
        *(["c.client_owner_folded = {0}"] if shape.by_owner else []),
        *([dialect.contains.format("c.labels", "{0}")] * shape.labels),
    ]
    return "".join(f" AND {template.format(f'${number}')}" for number, template in enumerate(templates, first))


def _bounded(bound: str, row: str, first: int = 2) -> str:
    """Return one of the bounds for rows; the position's parameters are numbered from `first` on."""
    return bound.format(row=row, date=f"${first}", id=f"${first + 1}")


@cache
def deleted_slice(shape: ListShape, start: str, dialect: Dialect) -> str:
    """Return the statement for consecutive rows of a list of deleted clients, newest first.

    Parameters: first and last path, second, date and id of the position, [name], [owner], labels, limit, offset.
    """
    limit, offset = 6 + shape.texts, 7 + shape.texts
    return (
        f"SELECT {CLIENT_COLUMNS}, '', c.deleted_at FROM {_deleted(shape, _BOUNDS[start], dialect)} "
        f"ORDER BY c.date_created DESC, c.client_id DESC LIMIT ${limit} OFFSET ${offset}"
    )


@cache
def deleted_back(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the positions newer than one, the nearest first. Parameters as in `deleted_slice`."""
    limit, offset = 6 + shape.texts, 7 + shape.texts
    return (
        f"SELECT c.date_created, c.client_id FROM {_deleted(shape, _BOUNDS['newer'], dialect)} "
        f"ORDER BY c.date_created, c.client_id LIMIT ${limit} OFFSET ${offset}"
    )


@cache
def deleted_count(shape: ListShape, dialect: Dialect) -> str:
    """Return the statement for the size of a list of deleted clients. Parameters: as above, without position and place."""
    return f"SELECT COUNT(*) FROM {_deleted(shape, '', dialect, first=4)}"


def _deleted(shape: ListShape, bound: str, dialect: Dialect, first: int = 6) -> str:
    """Return where deleted clients are that can be restored; text parameters are numbered from `first` on."""
    types = ", ".join(f"'{kind.value}'" for kind in shape.types)
    return (
        "clients AS c JOIN accounts AS a ON a.account_id = c.account_id AND a.deleted_at IS NULL "
        "WHERE c.account_path >= $1 AND c.account_path <= $2 AND c.deleted_at > $3 AND c.purged_at IS NULL "
        f"AND c.client_type IN ({types}) {_bounded(bound, '(c.date_created, c.client_id)', 4)}{_texts(shape, dialect, first)}"
    )
