"""A new secret on its way into the database: drawn before the transaction, kept in the form that the transaction may write."""

from msgspec import Struct, structs

from clientry.clock import Clock
from clientry.randomness import Random
from clientry.records import secret
from clientry.records.identifier import SECRET_PREFIX, new_id
from clientry.records.secret import ClientSecret
from clientry.records.verifier import Pepper
from clientry.storage import Transaction
from clientry.storage.forms import BOUND_VERIFIERS


class DrawnSecret(Struct, frozen=True):
    """A secret, and what will be kept of it, its verifier excepted. It is in no repr."""

    kept: ClientSecret
    client_secret: str

    def __repr__(self) -> str:
        return f"DrawnSecret(secret_id={self.kept.secret_id!r})"

    async def sealed(self, transaction: Transaction, pepper: Pepper) -> ClientSecret:
        """Return what this transaction may keep of it."""
        if await transaction.forms.may_write(BOUND_VERIFIERS):
            verifier = pepper.verifier(self.client_secret, self.kept)
        else:
            verifier = pepper.plain_verifier(self.client_secret)
        return structs.replace(self.kept, verifier=verifier)


def draw_secret(client_id: str, prefix: str, now: int, clock: Clock, random: Random) -> DrawnSecret:
    """Draw a secret of a client. `prefix`: what it begins with; `now`: when it was made, in seconds since 1970-01-01T00:00:00Z."""
    client_secret = secret.generate(random, prefix)
    kept = ClientSecret(
        secret_id=new_id(SECRET_PREFIX, clock, random),
        client_id=client_id,
        verifier=b"",
        hint=secret.hint(client_secret),
        date_created=now,
    )
    return DrawnSecret(kept, client_secret)
