"""The caller: the authenticated party of a request. Every operation takes it first."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, structs

from clientry.records.account import Account
from clientry.records.client import Client
from clientry.records.idempotency import Once

OPERATOR: Final = "operator"
ITSELF: Final = "clientry"


class Caller(Struct, frozen=True):
    """Who asks, from where, under which request.

    Attributes:
        client: the registered client behind the request, as it stands now; None for the operator at the machine,
            who may do everything.
        scopes: what the request's token grants, cut down to what the client is still registered for.
        request_id: names the request in logs and audit events.
        address: the address that the request came from; empty at the machine.
        machine: who is named in audit events where there is no client.
        account: the account below the client's own that its token was narrowed to, None: it was not.
        once: names the request where it carries an idempotency key: its change is made once, however often it is asked for.
    """

    client: Client | None
    scopes: frozenset[str]
    request_id: str
    address: str = ""
    machine: str = OPERATOR
    account: Account | None = None
    once: Once | None = None

    @property
    def actor(self) -> str:
        """Who is named in audit events: a client id, `operator`, or `clientry` for what happens by itself."""
        return self.client.client_id if self.client else self.machine

    @property
    def root(self) -> str | None:
        """The account whose tree the caller sees; None: every account."""
        if self.account is not None:
            return self.account.account_id
        return self.client.account_id if self.client else None

    def answering(self, render: Callable[[Any], Any]) -> "Caller":
        """Return the caller of an operation whose answer `render` makes: what a retry is answered with."""
        return self if self.once is None else structs.replace(self, once=self.once.after(render))

    def sees(self, account_path: tuple[str, ...]) -> bool:
        """Tell whether an account with this path lies in the caller's tree."""
        return self.root is None or self.root in account_path


def operator(request_id: str) -> Caller:
    """Return the caller that stands for the operator at the machine."""
    return Caller(client=None, scopes=frozenset(), request_id=request_id)


def itself(request_id: str) -> Caller:
    """Return the caller that stands for what Clientry does without being asked."""
    return Caller(client=None, scopes=frozenset(), request_id=request_id, machine=ITSELF)
