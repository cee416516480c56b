"""Who can manage an account: the rule of the last admin client (ruling 20)."""

from collections.abc import Iterable

from clientry.records.client import Client, ClientType
from clientry.records.scope import CLIENTS_WRITE
from clientry.records.secret import ClientSecret


def can_manage(client: Client, secrets: Iterable[ClientSecret]) -> bool:
    """Tell whether a client can manage its account, and those below it, for good.

    It is an enabled admin client without an end, registered for `clients:write`, that has a secret without an end, in no suspended
    account.
    """
    return (
        client.client_type is ClientType.ADMIN
        and client.enabled
        and client.expires_at is None
        and CLIENTS_WRITE in client.resources
        and not client.suspended
        and any(secret.expires_at is None for secret in secrets)
    )
