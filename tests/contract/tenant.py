"""An account of a test's own, with an admin client of its own: nothing that others do is seen in it."""

import uuid
from typing import Any, NamedTuple

from tests.contract.published import Checked
from tests.support.registry import Credentials
from tests.support.server import Server, clientry


class Tenant(NamedTuple):
    """An account, and its admin client's registry."""

    account_id: str
    admin: Credentials
    registry: Checked


def new_tenant(server: Server, parent: str | None = None, resources: tuple[str, ...] = ()) -> Tenant:
    """Make an account below `parent` (default: the root), with an admin client that holds these global resources."""
    below = ("--parent", parent) if parent else ()
    name = f"tenant {uuid.uuid4()}"
    made = clientry("accounts", "create", "--name", name, "--owner-email", "t@example.com", *below, data=server.data)
    account_id: str = made["account"]["id"]
    admin = admin_of(server, account_id, resources)
    return Tenant(account_id, admin, Checked(server.url, admin))


def admin_of(server: Server, account_id: str, resources: tuple[str, ...] = ()) -> Credentials:
    """Make an admin client of an account, as the operator does."""
    chosen = [word for resource in resources for word in ("--resource", resource)]
    flags = ("--name", "admin", "--type", "admin", "--account", account_id, *chosen)
    made = clientry("clients", "create", *flags, data=server.data)
    return Credentials(made["client_id"], made["client_secret"])


def body(**fields: Any) -> dict[str, Any]:
    """Return the body of a create request, with these fields instead."""
    return {"name": "contract", "locked": False, "scopes": {"products": ["SuperSIM"]}, **fields}
