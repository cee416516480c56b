"""Errors as answers, one form per surface: the registry's (`/v1`, and everything unknown) and the token endpoint's (RFC 6749).

Here alone a refusal meets HTTP: its status, its headers, its page.
"""

from typing import Final

import msgspec

from clientry import oauth2
from clientry.errors import (
    AccessDenied,
    GatewayTimeout,
    MethodNotAllowed,
    OutcomeUnknown,
    RegistryError,
    StorageTimedOut,
    StorageUnavailable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WentBack,
)
from clientry.http.exchange import JSON, NO_STORE, Answer, App, Disconnected, Headers, Receive, Scope, Send
from clientry.oauth2 import InvalidClient, OAuth2Error, TemporarilyUnavailable

REALM: Final = "clientry"
RETRY_AFTER: Final[Headers] = ((b"retry-after", b"1"),)
NO_STORE_OAUTH2: Final[Headers] = (*NO_STORE, (b"pragma", b"no-cache"))
_OAUTH2_BASIC: Final[Headers] = ((b"www-authenticate", f'Basic realm="{REALM}", charset="UTF-8"'.encode()),)


class Problems:
    """Renders errors. `public_url`: where their pages are."""

    def __init__(self, public_url: str) -> None:
        self._pages = public_url + "/errors/"

    def registry_body(self, error: RegistryError) -> bytes:
        """Return the JSON of an error: exactly status, message, code and info."""
        code = error.code()
        return msgspec.json.encode(
            {"status": error.status, "message": error.message, "code": code, "info": f"{self._pages}{code}"}
        )

    def registry(self, error: RegistryError) -> Answer:
        """Return the registry's form of an error."""
        return Answer(error.status, JSON + NO_STORE + _registry_headers(error), self.registry_body(error))

    def oauth2(self, error: OAuth2Error, status: int | None = None, headers: Headers = ()) -> Answer:
        """Return the token endpoint's form of an error (RFC 6749 section 5.2)."""
        if isinstance(error, InvalidClient):
            headers += _OAUTH2_BASIC
        if isinstance(error, TemporarilyUnavailable):
            headers += RETRY_AFTER
        body = {
            "error": error.error,
            "error_description": error.description,
            "error_uri": self._pages + error.error,
        }
        return Answer(status or error.status, JSON + NO_STORE_OAUTH2 + headers, msgspec.json.encode(body))

    def registry_surface(self, app: App) -> App:
        """Return `app` with its refusals, and outages of the storage, answered in the registry's form."""

        async def surface(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except RegistryError as error:
                await self.registry(error).send(scope, send)
            except StorageUnavailable as outage:
                await self.registry(_outage(outage)).send(scope, send)
            except Disconnected:
                return

        return surface

    def oauth2_surface(self, app: App) -> App:
        """Return `app` with its refusals, and outages of the storage, answered in the form of RFC 6749."""

        async def surface(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except OAuth2Error as error:
                await self.oauth2(error).send(scope, send)
            except RegistryError as error:
                await self.oauth2_from_registry(error).send(scope, send)
            except StorageUnavailable as outage:
                await self.oauth2(TemporarilyUnavailable(), _outage(outage).status).send(scope, send)
            except Disconnected:
                return

        return surface

    def oauth2_from_registry(self, error: RegistryError) -> Answer:
        """Return a refusal of plain HTTP (method, size, time) as the token endpoint writes it: its status stays."""
        return self.oauth2(oauth2.InvalidRequest(error.message), error.status, _registry_headers(error))


def _outage(problem: StorageUnavailable) -> Unavailable | GatewayTimeout:
    """Return what an outage of the database means for a request."""
    match problem:
        case OutcomeUnknown():
            return GatewayTimeout("The database did not confirm the change in time: it was made, or it was not.")
        case StorageTimedOut():
            return GatewayTimeout("The database did not answer in time. Nothing was changed.")
        case WentBack():
            return Unavailable("The database went back to an earlier state. Its operator must settle that first.")
        case _:
            return Unavailable("The database cannot be used right now. Nothing was changed.")


def _registry_headers(error: RegistryError) -> Headers:
    match error:
        case Unauthorized():
            return (_challenge(error.error, None),)
        case AccessDenied() if error.missing_scope is not None:
            return (_challenge("insufficient_scope", error.missing_scope),)
        case MethodNotAllowed():
            return ((b"allow", ", ".join(error.allow).encode()),)
        case Unavailable() | GatewayTimeout() | TooManyRequests():
            return RETRY_AFTER
        case _:
            return ()


def _challenge(error: str | None, scope: str | None) -> tuple[bytes, bytes]:
    """Return the WWW-Authenticate header of RFC 6750 section 3; every attribute is a constant of ours."""
    attributes = [f'realm="{REALM}"']
    if error is not None:
        attributes.append(f'error="{error}"')
    if scope is not None:
        attributes.append(f'scope="{scope}"')
    return b"www-authenticate", ("Bearer " + ", ".join(attributes)).encode()
