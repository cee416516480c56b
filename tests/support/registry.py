"""What an admin client does with the registry, as short calls: each must succeed."""

import base64
import json
import uuid
from typing import Any, NamedTuple

from tests.support.wire import Reply, ask_token, bearer, send

PRODUCTS = ("SuperSIM", "ProgrammableWireless")


class Credentials(NamedTuple):
    """What a client authenticates with."""

    client_id: str
    client_secret: str

    @property
    def form(self) -> dict[str, str]:
        """The token request that uses them in the body."""
        return {"grant_type": "client_credentials", **self._asdict()}


class Registry:
    """The registry of a server, as one admin client."""

    def __init__(self, url: str, admin: Credentials) -> None:
        self.url = url
        self.admin = admin
        self.token = access_token(url, admin)

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> Reply:
        """Send one request, as the admin client unless another token is given; the answer may be a refusal."""
        headers = [bearer(token or self.token)]
        if body is None:
            return send(self.url, method, path, headers)
        return send(self.url, method, path, [*headers, ("Content-Type", "application/json")], json.dumps(body).encode())

    def create(self, products: tuple[str, ...] = PRODUCTS, **fields: Any) -> Credentials:
        """Create a standard client."""
        body = {"name": f"client {uuid.uuid4()}", "locked": False, "scopes": {"products": products}, **fields}
        reply = self.call("POST", "/v1/clients", body)
        assert reply.status == 201, reply
        return Credentials(reply.json["client_id"], reply.json["client_secret"])

    def update(self, client_id: str, **fields: Any) -> None:
        """Change a client."""
        reply = self.call("PATCH", f"/v1/clients/{client_id}", fields)
        assert reply.status == 200, reply

    def delete(self, client_id: str) -> None:
        """Delete a client."""
        reply = self.call("DELETE", f"/v1/clients/{client_id}")
        assert reply.status == 204, reply


def access_token(url: str, credentials: Credentials, scope: str = "") -> str:
    """Return an access token."""
    reply = ask_token(url, {**credentials.form, "scope": scope})
    assert reply.status == 200, reply
    return reply.json["access_token"]


def token_part(token: str, index: int) -> dict[str, Any]:
    """Return the header (0) or the claims (1) of an access token, unverified."""
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
