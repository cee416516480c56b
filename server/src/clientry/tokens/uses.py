"""When and how secrets are used: noted and summed up in memory. `background.use_writer` writes the sums."""

from collections.abc import Sequence
from typing import Final

from clientry.records.secret import ClientSecret
from clientry.storage import SecretUse

MAX_HELD: Final = 100_000
"""Secrets whose use is held; of more, while the database cannot be written, the uses are not counted."""


class Uses:
    """The uses of secrets that nobody has written yet.

    Attributes:
        first: the uses with which grace periods of older secrets begin, by the id of the secret that was used.
    """

    def __init__(self) -> None:
        self.first: dict[str, SecretUse] = {}
        self._held: dict[str, SecretUse] = {}

    def __len__(self) -> int:
        return len(self._held)

    def note(self, secrets: tuple[ClientSecret, ...], index: int, now: int, address: str, user_agent: str) -> None:
        """Note that one of a client's secrets was used.

        Args:
            secrets: those of the client.
            index: which one was used.
            now: seconds since 1970-01-01T00:00:00Z.
            address: where from.
            user_agent: by what program, as it says itself.
        """
        used = secrets[index]
        before = self._held.get(used.secret_id)
        if before is None and len(self._held) >= MAX_HELD:
            return
        count = 1 if before is None else before.uses + 1
        use = SecretUse(used.client_id, used.secret_id, count, now, address, user_agent)
        self._held[used.secret_id] = use
        if len(secrets) > 1 and any(one.awaits(used) for one in secrets):
            self.first.setdefault(used.secret_id, use)

    def take(self, limit: int) -> list[SecretUse]:
        """Return at most `limit` sums, and hold them no longer."""
        taken = [use for use, _ in zip(self._held.values(), range(limit), strict=False)]
        for use in taken:
            del self._held[use.secret_id]
        return taken

    def put_back(self, taken: Sequence[SecretUse]) -> None:
        """Hold sums again that could not be written, beside what was noted since."""
        for use in taken:
            later = self._held.get(use.secret_id)
            self._held[use.secret_id] = use if later is None else later.plus(use)
