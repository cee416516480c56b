"""`/v1/products`: what the API consists of, as it is configured."""

from clientry.http.api.representations import encode
from clientry.http.exchange import JSON, NO_STORE, Answer, Receive, Scope
from clientry.records.caller import Caller
from clientry.records.product import Catalogue


class ProductHandlers:
    """The handler of `/v1/products`; the configuration does not change while a server runs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._answer = Answer(200, JSON + NO_STORE, b'{"products":' + encode(list(catalogue)) + b"}")

    async def list(self, caller: Caller, scope: Scope, receive: Receive) -> Answer:
        """Answer `GET /v1/products`: every product in its configured order."""
        return self._answer
