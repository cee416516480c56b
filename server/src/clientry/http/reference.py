"""The API reference: the published contract byte for byte, our whole API as OpenAPI, and readable pages."""

from importlib.resources import files
from typing import Final

from clientry.errors import DICTIONARY, NotFound
from clientry.http.exchange import JSON, Answer, Receive, Scope
from clientry.oauth2 import ERRORS

HTML: Final = ((b"content-type", b"text/html; charset=utf-8"),)


class Reference:
    """Answers with documents and pages."""

    def __init__(self, public_url: str) -> None:
        contract = files("clientry") / "contract"
        self._contract = (contract / "clients.openapi.json").read_bytes()
        self._openapi = self._contract
        self._errors = {str(e.code()): e.title for e in DICTIONARY} | {e.error: e.summary for e in ERRORS}

    async def front_page(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, HTML, b"<a href=/docs>docs</a>")

    async def openapi(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, JSON, self._openapi)

    async def contract(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, JSON, self._contract)

    async def docs(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, HTML, b"docs")

    async def asset(self, scope: Scope, receive: Receive) -> Answer:
        raise NotFound

    async def error_index(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, HTML, b"errors")

    async def error_page(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path_params"]["code"] not in self._errors:
            raise NotFound
        return Answer(200, HTML, self._errors[scope["path_params"]["code"]].encode())
