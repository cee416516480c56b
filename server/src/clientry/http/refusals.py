"""Answers to what never became a request: malformed, too large, too slow, or on a connection too many."""

from clientry.errors import BY_STATUS, Unavailable
from clientry.http.cors import CorsPolicy, default_headers
from clientry.http.exchange import Answer, Headers
from clientry.http.oauth.well_known import TOKEN_PATH
from clientry.http.problems import Problems
from clientry.oauth2 import TemporarilyUnavailable


class Refusals:
    """Writes them in the form of the surface that they were meant for, as far as that is known.

    Args:
        public_url: what every absolute URL starts with.
        cors: which origins may read answers.
    """

    def __init__(self, public_url: str, cors: CorsPolicy) -> None:
        self._problems = Problems(public_url)
        self._cors = default_headers(cors)

    def __call__(self, status: int, reason: str, path: bytes) -> tuple[Headers, bytes]:
        """Return headers, without Content-Length, and the body.

        Args:
            status: the HTTP status.
            reason: a sentence for whoever sent it.
            path: what it was for, empty where that is not known.
        """
        answer = self._answer(status, reason, is_token_request=path == TOKEN_PATH.encode())
        return answer.headers + self._cors, answer.body if isinstance(answer.body, bytes) else b""

    def _answer(self, status: int, reason: str, *, is_token_request: bool) -> Answer:
        error = BY_STATUS[status](reason)
        if not is_token_request:
            return self._problems.registry(error)
        if status == Unavailable.status:
            return self._problems.oauth2(TemporarilyUnavailable())
        return self._problems.oauth2_from_registry(error)
