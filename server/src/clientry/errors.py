"""The registry's refusals: one class per code of the error dictionary, and the text of its page.

    RegistryError
    ├── BadRequest 40400            ├── PayloadTooLarge 40413
    ├── Unauthorized 40401          ├── UnsupportedMediaType 40415
    ├── AccessDenied 40403          ├── ExpectationFailed 40417
    ├── NotFound 40404              ├── TooManyRequests 40429
    ├── MethodNotAllowed 40405      ├── InternalError 40500
    ├── Conflict 40409              ├── BadGateway 40502
    └── PreconditionFailed 40412    ├── Unavailable 40503
                                    └── GatewayTimeout 40504

A code is 40000 + the HTTP status. Beside them stands `StorageUnavailable`, which is no refusal but a fault:
each surface renders it in its own form.
"""

from typing import ClassVar, Final


class RegistryError(Exception):
    """A refusal of the registry API.

    Attributes:
        status: the HTTP status.
        title: what it is called.
        remedy: what to do about it, for the error's page.
        message: what happened this time, for a person; never echoes a secret or the id of the path.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, message: str = "") -> None:
        self.message = message or self.title
        super().__init__(self.message)

    @classmethod
    def code(cls) -> int:
        """Return the code of the published error dictionary."""
        return 40000 + cls.status


class BadRequest(RegistryError):
    """A parameter or a field is not what it must be."""

    status = 400
    title = "Bad request"
    remedy = "The message names the parameter or field and says what it must be. Correct it and send the request again."


class Unauthorized(RegistryError):
    """There is no valid access token.

    Attributes:
        error: the RFC 6750 error code, or None where the request carried no credentials at all.
    """

    status = 401
    title = "Unauthorized"
    remedy = (
        "Get an access token from the token endpoint with the client's id and secret, and send it as "
        "'Authorization: Bearer <token>'. A token ends at its expiry, and at once when its client is disabled or deleted."
    )

    def __init__(self, message: str = "", *, error: str | None = None) -> None:
        super().__init__(message)
        self.error = error


class AccessDenied(RegistryError):
    """The caller is known, and may not do this.

    Attributes:
        missing_scope: the scope that a token would need, or None where no scope would help.
    """

    status = 403
    title = "Access denied"
    remedy = (
        "The clients and accounts of the registry are for admin clients whose token holds the scope that the message names. "
        "Standard clients use products, not the registry."
    )

    def __init__(self, message: str = "", *, missing_scope: str | None = None) -> None:
        super().__init__(message)
        self.missing_scope = missing_scope


class NotFound(RegistryError):
    """There is no such thing, or not for this caller: the answer is the same."""

    status = 404
    title = "Not found"
    remedy = "Check the path and the id. What belongs to an account outside your own tree is answered as if it did not exist."


class MethodNotAllowed(RegistryError):
    """The path exists, the method does not.

    Attributes:
        allow: the methods that the path has.
    """

    status = 405
    title = "Method not allowed"
    remedy = "Use one of the methods in the Allow header."

    def __init__(self, message: str = "", *, allow: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allow = allow


class Conflict(RegistryError):
    """The change does not fit the state that the thing is in."""

    status = 409
    title = "Conflict"
    remedy = "The message says what stands in the way, for example a lock. Change that first."


class PreconditionFailed(RegistryError):
    """The thing has changed since it was read."""

    status = 412
    title = "Precondition failed"
    remedy = "Read it again, and send the change with the new ETag in If-Match."


class PayloadTooLarge(RegistryError):
    """The body is larger than the limit."""

    status = 413
    title = "Payload too large"
    remedy = "A request body may have 65,536 bytes."


class UnsupportedMediaType(RegistryError):
    """The body is not of a type that the operation reads."""

    status = 415
    title = "Unsupported media type"
    remedy = "Send the body as application/json in UTF-8."


class ExpectationFailed(RegistryError):
    """The request expects something that this server does not do."""

    status = 417
    title = "Expectation failed"
    remedy = "Leave out the Expect header field, or send 'Expect: 100-continue', which is the only one that is met."


class TooManyRequests(RegistryError):
    """The caller asks more often than it may."""

    status = 429
    title = "Too many requests"
    remedy = "Wait the number of seconds in Retry-After."


class InternalError(RegistryError):
    """Something went wrong that nobody expected."""

    status = 500
    title = "Internal error"
    remedy = (
        "Try again. If it stays, give the operator the X-Request-Id of the answer: the log has the details under it."
    )


class BadGateway(RegistryError):
    """A server in between got no usable answer."""

    status = 502
    title = "Bad gateway"
    remedy = "Try again shortly."


class Unavailable(RegistryError):
    """The server cannot answer now."""

    status = 503
    title = "Service unavailable"
    remedy = "Try again after the number of seconds in Retry-After."


class GatewayTimeout(RegistryError):
    """The answer took too long."""

    status = 504
    title = "Gateway timeout"
    remedy = (
        "Try again after the number of seconds in Retry-After. Whether a change was made is not known: read it first."
    )


DICTIONARY: Final[tuple[type[RegistryError], ...]] = (
    BadRequest,
    Unauthorized,
    AccessDenied,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    ExpectationFailed,
    TooManyRequests,
    InternalError,
    BadGateway,
    Unavailable,
    GatewayTimeout,
)

BY_STATUS: Final = {error.status: error for error in DICTIONARY}
"""The refusals by their HTTP status."""


class StorageUnavailable(Exception):
    """The database cannot be read or written now; nothing was changed."""


class WentBack(StorageUnavailable):
    """The database went back to an earlier state, and nobody said that this was meant; the text says what shows it."""


class StorageTimedOut(StorageUnavailable):
    """The database did not answer in time; nothing was changed."""


class OutcomeUnknown(StorageTimedOut):
    """The answer to a commit was lost: the change was made, or it was not."""


class ConfigurationError(Exception):
    """Clientry cannot start like this; the text is for the person who starts it."""
