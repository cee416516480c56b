"""`POST` to the token endpoint: reads the form once into a `TokenRequest`, and writes the answer."""

import base64
import re
from typing import Final

import msgspec

from clientry.http.bodies import content_type, is_utf8
from clientry.http.exchange import JSON, Answer, Receive, Scope, header_values, read_body
from clientry.http.problems import NO_STORE_OAUTH2
from clientry.http.query import MalformedPairs, decode, parse_pairs, repeated_name
from clientry.oauth2 import InvalidClient, InvalidRequest
from clientry.tokens.client_authentication import PresentedCredentials
from clientry.tokens.issuing import TokenEndpoint, TokenRequest

MAX_AGENT: Final = 200
"""Bytes of a User-Agent that are noted."""
FORM: Final = "application/x-www-form-urlencoded"

_BASIC = re.compile(rb"basic +([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_CREDENTIAL_PARAMETERS: Final = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
_encoder = msgspec.json.Encoder()


class TokenHandler:
    """Answers token requests. `body_timeout`: seconds that a body may take to arrive."""

    def __init__(self, endpoint: TokenEndpoint, body_timeout: float) -> None:
        self._endpoint = endpoint
        self._body_timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive) -> Answer:
        """Answer a token request."""
        body = await read_body(scope, receive, self._body_timeout)
        request = _token_request(scope, body)
        scope["clientry.client_id"] = request.presented.claimed_id
        response = await self._endpoint.issue(request)
        return Answer(200, JSON + NO_STORE_OAUTH2, _encoder.encode(response))


def _token_request(scope: Scope, body: bytes) -> TokenRequest:
    """Read the form and the Authorization header into one value, with at most one kind of credentials in it."""
    form = _form(scope, body)
    _refuse_credentials_in_url(scope)
    client_id, client_secret = form.get("client_id"), form.get("client_secret")
    authorization = header_values(scope, b"authorization")
    if authorization:
        if len(authorization) > 1 or not _CREDENTIAL_PARAMETERS.isdisjoint(form):
            raise InvalidRequest("The request uses more than one way to authenticate.")
        user, client_secret = _basic(authorization[0])
        if client_id not in {None, user}:
            raise InvalidRequest("The client_id of the body is not that of the Authorization header.")
        client_id = user
    elif client_secret is not None and "client_assertion" in form:
        raise InvalidRequest("The request uses more than one way to authenticate.")
    presented = PresentedCredentials(
        client_id, client_secret, scope["clientry.request_id"], scope["clientry.address"], _user_agent(scope)
    )
    return TokenRequest(presented, form.get("grant_type"), form.get("scope"), form.get("account_id"))


def _user_agent(scope: Scope) -> str:
    """Return how the program calls itself, fit to be shown: printable ASCII, and not too long."""
    for value in header_values(scope, b"user-agent"):
        return _UNPRINTABLE.sub(b"?", value[:MAX_AGENT]).decode("ascii")
    return ""


def _form(scope: Scope, body: bytes) -> dict[str, str]:
    """Return the parameters that have a value; one without counts as left out, but may not be repeated either."""
    media_type, parameters = content_type(scope)
    if media_type != FORM or not is_utf8(parameters):
        raise InvalidRequest(f"The body must be {FORM} in UTF-8.")
    try:
        pairs = parse_pairs(body)
    except MalformedPairs:
        raise InvalidRequest("The body is not a form.") from None
    if repeated_name(pairs) is not None:
        raise InvalidRequest("A parameter occurs more than once.")
    return {name: value for name, value in pairs if value}


def _refuse_credentials_in_url(scope: Scope) -> None:
    """RFC 6749 section 2.3.1: credentials are never taken from the URL, and a client that puts them there must hear of it."""
    if not scope["query_string"]:
        return
    try:
        names = {name for name, _ in parse_pairs(scope["query_string"])}
    except MalformedPairs:
        return
    if not _CREDENTIAL_PARAMETERS.isdisjoint(names):
        raise InvalidClient(
            "Credentials in the URL are not accepted. Send them in the body or the Authorization header."
        )


def _basic(header: bytes) -> tuple[str, str]:
    """Return id and secret of an Authorization header (RFC 6749 section 2.3.1: both are form-urlencoded before base64)."""
    match = _BASIC.fullmatch(header.strip())
    if match is None:
        raise InvalidClient
    try:
        user, colon, password = base64.b64decode(match[1], validate=True).partition(b":")
        client_id, client_secret = decode(user), decode(password)
    except ValueError:
        raise InvalidClient from None
    if not colon or not client_id or not client_secret:
        raise InvalidClient
    return client_id, client_secret
