"""The SQL statements on the database as a whole: its incarnation, and the joining of two trees to one. As in `statements.py`."""

from typing import Final

from clientry.records.identifier import ACCOUNT_ID_LENGTH

# There is at most one row: its key is always 1.

INCARNATION_GET: Final = "SELECT incarnation_id, account_id, sequence, hash FROM incarnation"
INCARNATION_ADD: Final = (
    "INSERT INTO incarnation (single, incarnation_id, account_id, sequence, hash) VALUES (1, $1, $2, $3, $4)"
)
INCARNATION_REPLACE: Final = "UPDATE incarnation SET incarnation_id = $1, account_id = $2, sequence = $3, hash = $4"
INCARNATION_NOTE: Final = "UPDATE incarnation SET account_id = $1, sequence = $2, hash = $3"

ACCOUNT_ROOTS: Final = (
    "SELECT account_id FROM accounts WHERE account_id = path ORDER BY date_created, account_id LIMIT 10"
)

# Parameters of the following: the root that stays, and the one that is put below it with everything that is below that.

DEEPEST: Final = f"SELECT MAX(length(path)) FROM accounts WHERE substr(path, 1, {ACCOUNT_ID_LENGTH}) = $1"
ADOPT: Final = (
    "UPDATE accounts SET path = CAST($1 AS TEXT) || '/' || path, version = version + 1 "
    f"WHERE substr(path, 1, {ACCOUNT_ID_LENGTH}) = $2",
    "UPDATE clients SET account_path = CAST($1 AS TEXT) || '/' || account_path, version = version + 1 "
    f"WHERE substr(account_path, 1, {ACCOUNT_ID_LENGTH}) = $2",
    "INSERT INTO account_listing (list_key, date_created, account_id) "
    "SELECT CAST($1 AS TEXT), date_created, account_id FROM account_listing WHERE list_key = $2",
    "INSERT INTO client_listing (list_key, enabled, client_type, date_created, client_id) "
    "SELECT CAST($1 AS TEXT), enabled, client_type, date_created, client_id FROM client_listing WHERE list_key = $2",
    "INSERT INTO account_counts (list_key, slot, count) "
    "SELECT CAST($1 AS TEXT), slot, count FROM account_counts WHERE list_key = $2 "
    "ON CONFLICT (list_key, slot) DO UPDATE SET count = account_counts.count + excluded.count",
    "INSERT INTO client_counts (list_key, enabled, client_type, slot, count) "
    "SELECT CAST($1 AS TEXT), enabled, client_type, slot, count FROM client_counts WHERE list_key = $2 "
    "ON CONFLICT (list_key, enabled, client_type, slot) DO UPDATE SET count = client_counts.count + excluded.count",
)
