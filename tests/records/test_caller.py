"""Who may do what: each kind of caller says it itself."""

from typing import get_args

import pytest

from clientry.errors import AccessDenied
from clientry.records.caller import Caller, Itself, Operator
from clientry.records.product import Catalogue, Product

KINDS = get_args(Caller)
RIGHTS = ("actor", "root", "own_accounts", "may_stop_the_last_admin", "require", "products")
CATALOGUE = Catalogue((Product("SuperSIM", "urn:a"),))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("right", RIGHTS)
def test_every_kind_of_caller_says_each_right_itself(kind: type, right: str) -> None:
    """No right is inherited, so that a new kind of caller has none by default."""
    assert right in vars(kind)


def test_nothing_common_to_all_callers_is_a_right() -> None:
    """What every kind shares is who asks, from where and under which request, and nothing that opens a door."""
    shared = set.intersection(*({name for base in kind.__mro__[1:-2] for name in vars(base)} for kind in KINDS))
    assert {name for name in shared if not name.startswith("_")} == {"request_id", "address", "once"}


def test_the_operator_holds_every_scope_and_product() -> None:
    """At the machine everything may be done."""
    operator = Operator(request_id="r")
    operator.require("accounts:write")
    assert operator.products(CATALOGUE) == ("SuperSIM",)
    assert operator.may_stop_the_last_admin


def test_what_happens_by_itself_holds_nothing() -> None:
    """Chores end what was meant to end; they pass no check that is made for a party."""
    itself = Itself(request_id="r")
    with pytest.raises(AccessDenied):
        itself.require("clients:read")
    assert itself.products(CATALOGUE) == ()
