"""The caller: the authenticated party of a request. Every operation takes it first."""

from msgspec import Struct

from clientry.client import Client, ClientType
from clientry.errors import AccessDenied


class Caller(Struct, frozen=True):
    """Who asks, from where, under which request.

    Attributes:
        client: the registered client behind the request, as it stands now; None for the operator at the machine,
            who may do everything.
        scopes: what the request's token grants, cut down to what the client is still registered for.
        request_id: names the request in logs and audit events.
        address: the address that the request came from; empty at the machine.
    """

    client: Client | None
    scopes: frozenset[str]
    request_id: str
    address: str = ""

    @property
    def actor(self) -> str:
        """Who is named in audit events: a client id, or `operator`."""
        return self.client.client_id if self.client else "operator"

    @property
    def root(self) -> str | None:
        """The account whose tree the caller sees; None: every account."""
        return self.client.account_id if self.client else None


def operator(request_id: str) -> Caller:
    """Return the caller that stands for the operator at the machine."""
    return Caller(client=None, scopes=frozenset(), request_id=request_id)


def require(caller: Caller, scope: str) -> None:
    """Check that the caller is an admin client, or the operator, whose token grants `scope`.

    Raises:
        AccessDenied: it is not, or the token does not.
    """
    if caller.client is None:
        return
    if caller.client.client_type is not ClientType.ADMIN:
        raise AccessDenied(
            "An admin client is needed: this token belongs to a standard client, which uses products only."
        )
    if scope not in caller.scopes:
        raise AccessDenied(f"The access token needs the scope {scope}.", missing_scope=scope)
