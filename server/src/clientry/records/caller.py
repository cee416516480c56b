"""The caller: the authenticated party of a request. Every operation takes it first.

A closed union: each kind of caller says its own rights, and whoever asks for them is asked about every kind by the type checker.
What a kind does not say it does not have.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import Struct, structs

from clientry.errors import AccessDenied
from clientry.records.account import Account
from clientry.records.client import Client, ClientType, products_held
from clientry.records.idempotency import Once
from clientry.records.product import Catalogue

OPERATOR: Final = "operator"
ITSELF: Final = "clientry"

CallerT = TypeVar("CallerT", bound="_Asking")


class _Asking(Struct, frozen=True, kw_only=True):
    """What is known of every request.

    Attributes:
        request_id: names the request in logs and audit events.
        address: the address that the request came from; empty at the machine.
        once: names the request where it carries an idempotency key: its change is made once, however often it is asked for.
    """

    request_id: str
    address: str = ""
    once: Once | None = None


class Operator(_Asking, frozen=True, kw_only=True):
    """Whoever runs commands at the machine: may do everything, in every account."""

    @property
    def actor(self) -> str:
        """Who is named in audit events."""
        return OPERATOR

    @property
    def root(self) -> None:
        """It sees every account."""
        return

    @property
    def own_accounts(self) -> frozenset[str]:
        """The accounts that it acts for, which it cannot stop: none."""
        return frozenset()

    @property
    def may_stop_the_last_admin(self) -> bool:
        """Whether it may leave an account that nobody can manage: it can make another admin client."""
        return True

    def require(self, scope: str) -> None:
        """Refuse nothing: it holds every scope."""

    def missing(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of these global-resource scopes it does not hold: none."""
        return ()

    def products(self, catalogue: Catalogue) -> tuple[str, ...]:
        """Return the products that it may grant: every one."""
        return catalogue.names


class Itself(_Asking, frozen=True, kw_only=True):
    """What Clientry does without being asked: it ends what was meant to end, in every account."""

    @property
    def actor(self) -> str:
        """Who is named in audit events."""
        return ITSELF

    @property
    def root(self) -> None:
        """It sees every account."""
        return

    @property
    def own_accounts(self) -> frozenset[str]:
        """The accounts that it acts for, which it cannot stop: none."""
        return frozenset()

    @property
    def may_stop_the_last_admin(self) -> bool:
        """Whether it may leave an account that nobody can manage: an end that was set comes."""
        return True

    def require(self, scope: str) -> None:
        """Refuse: it was asked by nobody, and so nobody's scopes count."""
        raise AccessDenied(f"The scope {scope} is held by clients.", missing_scope=scope)

    def missing(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of these global-resource scopes it does not hold: all of them."""
        return scopes

    def products(self, catalogue: Catalogue) -> tuple[str, ...]:
        """Return the products that it may grant: none."""
        return ()


class ClientCaller(_Asking, frozen=True, kw_only=True):
    """A registered client, by its access token.

    Attributes:
        client: the client, as it stands now.
        scopes: what the request's token grants, cut down to what the client is still registered for.
        account: the account below the client's own that its token was narrowed to, None: it was not.
    """

    client: Client
    scopes: frozenset[str]
    account: Account | None = None

    @property
    def actor(self) -> str:
        """Who is named in audit events."""
        return self.client.client_id

    @property
    def root(self) -> str:
        """The account whose tree it sees."""
        return self.client.account_id if self.account is None else self.account.account_id

    @property
    def path(self) -> tuple[str, ...]:
        """The accounts that stop it when they are stopped: from the root to the one whose tree it sees."""
        return self.client.account_path if self.account is None else self.account.path

    @property
    def own_accounts(self) -> frozenset[str]:
        """The accounts that it acts for, which it cannot stop."""
        return frozenset((self.client.account_id, self.root))

    @property
    def may_stop_the_last_admin(self) -> bool:
        """Whether it may leave an account that nobody can manage: it may not."""
        return False

    def is_unstopped(self, now: Client) -> bool:
        """Tell whether nothing stopped its token since it was checked, and its scopes are still its own.

        `now`: its client as it is now, with what stops it on its `path`.
        """
        then = self.client if self.account is None else self.client.beside(self.account)
        lost = {*then.resources, *then.products}.difference(now.resources, now.products)
        return now.stops == then.stops and self.scopes.isdisjoint(lost)

    def require(self, scope: str) -> None:
        """Check that it is an admin client whose token grants `scope`.

        Raises:
            AccessDenied: it is not, or the token does not.
        """
        if self.client.client_type is not ClientType.ADMIN:
            raise AccessDenied(
                "An admin client is needed: this token belongs to a standard client, which uses products only."
            )
        if scope not in self.scopes:
            raise AccessDenied(f"The access token needs the scope {scope}.", missing_scope=scope)

    def missing(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of these global-resource scopes its token does not grant, whatever the client is registered for."""
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def products(self, catalogue: Catalogue) -> tuple[str, ...]:
        """Return the products that it may grant: those it is registered for, whatever its token says (ruling 9)."""
        return products_held(self.client, catalogue)


Caller = Operator | Itself | ClientCaller


def sees(caller: Caller, account_path: tuple[str, ...]) -> bool:
    """Tell whether an account with this path lies in the caller's tree."""
    root = caller.root
    return root is None or root in account_path


def answering(caller: CallerT, render: Callable[[Any], Any]) -> CallerT:
    """Return the caller of an operation whose answer `render` makes: what a retry is answered with."""
    return caller if caller.once is None else structs.replace(caller, once=caller.once.after(render))
