"""Uses of secrets that wait to be written."""

from msgspec import structs
from tests.storage.records import NOW, a_client, a_secret, an_account

from clientry.tokens.uses import Uses


def test_only_so_many_uses_are_held() -> None:
    """Of 100,000 secrets the uses are held, of more none; those that are held already go on being counted."""
    uses = Uses()
    one = a_secret(a_client(an_account()))
    secrets = tuple(structs.replace(one, secret_id=f"secret_{number}") for number in range(100_003))
    for secret in secrets:
        uses.note((secret,), 0, NOW, "", "")
    assert len(uses) == 100_000
    uses.note(secrets[:1], 0, NOW + 1, "192.0.2.1", "curl")
    assert len(uses) == 100_000
    (first, *_), taken = uses.take(1), uses.take(100_000)
    assert (first.secret_id, first.uses, first.last_used_at) == ("secret_0", 2, NOW + 1)
    assert len(taken) == 99_999
    uses.note(secrets[-1:], 0, NOW, "", "")
    assert len(uses) == 1
