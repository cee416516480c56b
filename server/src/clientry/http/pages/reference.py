"""The API reference: the published contract byte for byte, our whole API as OpenAPI, and pages for people.

Everything is made once, at the start, and served as bytes with an ETag. The pages load nothing from elsewhere and run no script.
"""

import json
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clientry.errors import DICTIONARY, NotFound
from clientry.http.document import Document
from clientry.http.exchange import JSON, Answer, Headers, Receive, Scope
from clientry.http.pages.operation_page import Reader, heading, inline, prose
from clientry.http.pages.own_document import own_document, with_departures_told
from clientry.oauth2 import ERRORS
from clientry.records.product import Catalogue

_CACHED: Final[Headers] = ((b"cache-control", b"public, max-age=300"),)
_PAGE: Final[Headers] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    *_CACHED,
)
_ASSETS: Final = {"style.css": b"text/css; charset=utf-8"}


class Reference:
    """Answers with documents and pages.

    Args:
        public_url: what their examples start with.
        catalogue: the products that they name.
    """

    def __init__(self, public_url: str, catalogue: Catalogue) -> None:
        package = files("clientry")
        published = (package / "contract" / "clients.openapi.json").read_bytes()
        ours = own_document(public_url, catalogue)
        errors = {str(kind.code()): kind for kind in DICTIONARY}
        oauth2_errors = {kind.error: kind for kind in ERRORS}
        pages = Environment(
            loader=PackageLoader("clientry.http", "pages"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        pages.filters.update(prose=prose, inline=inline)

        def page(template: str, root: str, /, **values: object) -> Document:
            """Return a page. `root`: the way from it to the front page; links are relative, so that they hold under any address."""
            common = {"root": root, "heading": heading, "errors": errors, "oauth2_errors": oauth2_errors}
            return Document(pages.get_template(template).render({**common, **values}).encode(), _PAGE)

        self.contract = Document(published, JSON + _CACHED)
        self.openapi = Document(json.dumps(with_departures_told(ours), ensure_ascii=False).encode(), JSON + _CACHED)
        self.front_page = page("front.html", "./", title="Clientry")
        self.docs = page("docs.html", "./", title="API reference", **Reader(ours, public_url).sections())
        self.error_index = page("errors.html", "./", title="Errors")
        self._error_pages = {
            name: page("error.html", "../", title=name, name=name, kind=kind)
            for name, kind in {**errors, **oauth2_errors}.items()
        }
        folder = package / "http" / "pages"
        self._assets = {
            name: Document((folder / name).read_bytes(), ((b"content-type", media_type), *_CACHED))
            for name, media_type in _ASSETS.items()
        }

    async def error_page(self, scope: Scope, receive: Receive) -> Answer:
        """Answer with the page of one error."""
        return await _named(self._error_pages, scope["path_params"]["code"], scope, receive)

    async def asset(self, scope: Scope, receive: Receive) -> Answer:
        """Answer with a file that the pages use."""
        return await _named(self._assets, scope["path_params"]["name"], scope, receive)


async def _named(documents: dict[str, Document], name: str, scope: Scope, receive: Receive) -> Answer:
    document = documents.get(name)
    if document is None:
        raise NotFound("There is no such page.")
    return await document(scope, receive)
