"""What the rest of Clientry may know of storage: the protocols, and their values (`values.py`). No engine is imported here.

A `Storage` gives three things: point reads for the hot paths, `read` for several reads that belong together, and `write` for
changes. The body of a `read` or a `write` is an async function over its `Snapshot` or `Transaction` alone. It may be run again
after a conflict, so it draws its random values and reads its clock beforehand, and it awaits nothing but the transaction.

An answer of `write` means that the change is on disk. Every method of every protocol may raise `StorageUnavailable`, and only
`write` its subclass `OutcomeUnknown`: whether the change was made is then not known.
"""

from clientry.storage.forms import MARKS, Form, Forms
from clientry.storage.protocols.accounts import AccountReads, AccountWrites
from clientry.storage.protocols.answers import AnswerReads, AnswerWrites
from clientry.storage.protocols.audit_events import AuditReads, AuditWrites
from clientry.storage.protocols.clients import ClientReads, ClientWrites
from clientry.storage.protocols.database import Snapshot, Storage, Transaction
from clientry.storage.protocols.forms import FormReads
from clientry.storage.protocols.incarnations import IncarnationReads, IncarnationWrites
from clientry.storage.protocols.key_checks import KeyCheckReads, KeyCheckWrites
from clientry.storage.protocols.listable import Listable
from clientry.storage.protocols.secrets import SecretReads, SecretWrites
from clientry.storage.protocols.signing_keys import SigningKeyReads, SigningKeyWrites
from clientry.storage.protocols.verifiers import VerifierReads, VerifierWrites
from clientry.storage.values import (
    AccountFilter,
    AlreadyTaken,
    ClientFilter,
    ClientStatus,
    Credentials,
    LostUpdate,
    Overtaken,
    Position,
    SecretUse,
    Slice,
    Start,
)

__all__ = [
    "MARKS",
    "AccountFilter",
    "AccountReads",
    "AccountWrites",
    "AlreadyTaken",
    "AnswerReads",
    "AnswerWrites",
    "AuditReads",
    "AuditWrites",
    "ClientFilter",
    "ClientReads",
    "ClientStatus",
    "ClientWrites",
    "Credentials",
    "Form",
    "FormReads",
    "Forms",
    "IncarnationReads",
    "IncarnationWrites",
    "KeyCheckReads",
    "KeyCheckWrites",
    "Listable",
    "LostUpdate",
    "Overtaken",
    "Position",
    "SecretReads",
    "SecretUse",
    "SecretWrites",
    "SigningKeyReads",
    "SigningKeyWrites",
    "Slice",
    "Snapshot",
    "Start",
    "Storage",
    "Transaction",
    "VerifierReads",
    "VerifierWrites",
]
