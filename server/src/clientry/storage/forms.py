"""Forms: what may be stored or signed in a new way, once nobody is left who only understands the old one.

While a new version is rolled out, nodes of the version before work on the same database. So each new form is *read* by every node
that knows it, from the first one on, and *written* only after the operator has said that the old nodes are gone
(`clientry migrate --finish`; on SQLite, where no other version can be beside it, `serve` says so itself as it starts).

The database keeps this with the migration that the form came with, as its stage: shared, finishing, finished (`migration.py`).
A node asks `may_write`, in one of two places:

- `storage.forms.may_write(FORM)` asks the memory of this process: for what is signed, and costs nothing. A serving node reads the
  stages again every `INTERVAL` seconds (`background.form_watch`), so it may write the old form for that long after the others
  write the new one, and needs no restart;
- `await transaction.forms.may_write(FORM)` asks the database unless the memory says yes: for what is stored. What a transaction
  is told holds until it ends: finishing waits for it, so that no record in the old form comes after finishing has looked for them.

To add a form: give it a migration (of a comment alone, if it needs no change of the schema), declare it below, and list it in
`FORMS`. Read it everywhere before anything writes it. If what is stored in the old form shall be taken over, add a step to
`clientry.finishing`; from `is_alone(FORM)` on, the old one may be refused.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from clientry.storage.migration import Applied, Stage

INTERVAL: Final = 1.0
"""Seconds from one reading of the stages to the next."""


class Form(Struct, frozen=True):
    """A new way to store or sign something.

    Attributes:
        what: what it is, for operators.
        migration: the number of the migration that it came with.
    """

    what: str
    migration: int


MARKS: Final = Form("marks in access tokens", 7)
BOUND_VERIFIERS: Final = Form("verifiers bound to their client and secret", 8)
LOW_S: Final = Form("signing keys that sign with low s only", 8)

FORMS: Final = (MARKS, BOUND_VERIFIERS, LOW_S)


class Forms:
    """What may be written in a database, as far as this process knows. `done`: the migrations that it has seen."""

    def __init__(self, done: Iterable[Applied] = ()) -> None:
        self.learn(done)

    def learn(self, done: Iterable[Applied]) -> None:
        """Take over what the database says now."""
        stages = {migration.number: migration.stage for migration in done}
        self._written = frozenset(number for number, stage in stages.items() if stage is not Stage.SHARED)
        self._alone = frozenset(number for number, stage in stages.items() if stage is Stage.FINISHED)

    def may_write(self, form: Form) -> bool:
        """Tell whether every program that uses the database understands a form."""
        return form.migration in self._written

    def is_alone(self, form: Form) -> bool:
        """Tell whether nothing is left in the form of before."""
        return form.migration in self._alone


def unfinished(done: Iterable[Applied]) -> tuple[Form, ...]:
    """Return the forms that a database has not finished, of the migrations that it has seen."""
    open_ones = {migration.number for migration in done if migration.stage is not Stage.FINISHED}
    return tuple(form for form in FORMS if form.migration in open_ones)
