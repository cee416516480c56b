"""The words of RFC 6749 that the token endpoint speaks. Rule: this file imports nothing of ours.

OAuth2Error
├── InvalidRequest          400 invalid_request
├── InvalidClient           401 invalid_client
├── UnauthorizedClient      400 unauthorized_client
├── UnsupportedGrantType    400 unsupported_grant_type
├── InvalidScope            400 invalid_scope
└── TemporarilyUnavailable  503 temporarily_unavailable
"""

from typing import ClassVar, Final

GRANT_CLIENT_CREDENTIALS: Final = "client_credentials"
AUTH_CLIENT_SECRET_BASIC: Final = "client_secret_basic"
AUTH_CLIENT_SECRET_POST: Final = "client_secret_post"
TOKEN_TYPE_BEARER: Final = "Bearer"


class OAuth2Error(Exception):
    """A refusal of the token endpoint (RFC 6749 section 5.2).

    Attributes:
        error: the code that a program reads.
        status: the HTTP status.
        summary: what it means, one sentence, for the error's page.
        remedy: what to do about it, for the error's page.
        description: what happened this time; bytes %x20-21 / %x23-5B / %x5D-7E only, never the request's own text.
    """

    error: ClassVar[str]
    status: ClassVar[int] = 400
    summary: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, description: str = "") -> None:
        self.description = description or self.summary
        super().__init__(self.description)


class InvalidRequest(OAuth2Error):
    """The request is not well formed."""

    error = "invalid_request"
    summary = "The request is malformed, repeats a parameter, or uses more than one way to authenticate."
    remedy = (
        "Send one POST with Content-Type application/x-www-form-urlencoded, each parameter once, "
        "and the credentials either in the body or in an Authorization: Basic header, not in both."
    )


class InvalidClient(OAuth2Error):
    """The client could not be authenticated. One description for every cause, so that none can be told apart."""

    error = "invalid_client"
    status = 401
    summary = "Client authentication failed."
    remedy = (
        "Check client_id and client_secret. The server does not say which of them is wrong, or whether the client is "
        "disabled or deleted; its owner can see the reason in the registry and in the server's log."
    )


class UnauthorizedClient(OAuth2Error):
    """The client may not use this grant."""

    error = "unauthorized_client"
    summary = "This client may not use this grant type."
    remedy = "Ask the owner of the client to allow the grant."


class UnsupportedGrantType(OAuth2Error):
    """The grant type is not one that this server offers."""

    error = "unsupported_grant_type"
    summary = "The only grant type of this server is client_credentials."
    remedy = "Send grant_type=client_credentials."


class InvalidScope(OAuth2Error):
    """The scope is unknown, malformed, or more than the client holds."""

    error = "invalid_scope"
    summary = "The requested scope is malformed, unknown, or more than this client holds."
    remedy = (
        "Leave scope out to get everything that the client holds, or ask for a part of it, separated by single spaces."
    )


class ServerError(OAuth2Error):
    """Something went wrong that nobody expected."""

    error = "server_error"
    status = 500
    summary = "The server failed to answer this request."
    remedy = (
        "Try again. If it stays, give the operator the X-Request-Id of the answer: the log has the details under it."
    )


class TemporarilyUnavailable(OAuth2Error):
    """The server cannot answer now."""

    error = "temporarily_unavailable"
    status = 503
    summary = "The server cannot answer right now."
    remedy = "Try again after the number of seconds in Retry-After."


ERRORS: Final[tuple[type[OAuth2Error], ...]] = (
    InvalidRequest,
    InvalidClient,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    ServerError,
    TemporarilyUnavailable,
)
