"""Which forms a transaction may write."""

from typing import Protocol

from clientry.storage.forms import Form


class FormReads(Protocol):
    """Tells which forms may be written."""

    async def may_write(self, form: Form) -> bool:
        """Tell whether every program that uses the database understands a form; holds until the transaction ends."""
        ...
