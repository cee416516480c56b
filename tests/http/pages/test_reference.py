"""What the server tells about itself: the documents, the pages, and that their links and examples work."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from tests.support.registry import Registry, access_token
from tests.support.server import Server
from tests.support.wire import Reply, send

from clientry.errors import DICTIONARY
from clientry.oauth2 import ERRORS

CONTRACT = Path(__file__).parents[3] / "contract"
PAGES = ["/", "/docs", "/errors", "/errors/40404", "/errors/invalid_client"]
DOCUMENTS = ["/openapi.json", "/contract/clients.openapi.json"]
STYLE = "/docs/assets/style.css"
StartServer = Callable[..., Server]


class Page(HTMLParser):
    """What a page loads, links to, and shows as examples. It fails on tags that are not closed in their order."""

    VOID = ("meta", "link", "br", "img", "hr", "input")

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.headings: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.examples: list[str] = []
        self._open: list[str] = []
        self.feed(reply.body.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= set(values)
        self.links += [values["href"]] if tag == "a" else []
        self.loaded += [values[name] for name in ("src", "href") if name in values and tag != "a"]
        assert values.get("id") not in self.anchors
        self.anchors |= {values["id"]} if "id" in values else set()
        self.headings += [values.get("id", "")] if re.fullmatch("h[2-6]", tag) else []
        self._open += [] if tag in self.VOID else [tag]
        self.examples += [""] if tag == "pre" else []

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "pre":
            self.examples[-1] += data


def get(registry: Registry, path: str) -> Reply:
    reply = send(registry.url, "GET", path)
    assert reply.status == 200, (path, reply)
    return reply


def test_the_published_contract_byte_for_byte(registry: Registry) -> None:
    """It is served as it is in the repository."""
    reply = get(registry, "/contract/clients.openapi.json")
    assert reply.body == (CONTRACT / "clients.openapi.json").read_bytes()
    assert reply.one("Content-Type") == "application/json"


def test_our_document_says_where_this_server_is(registry: Registry) -> None:
    """It is the one in the repository, but for the server's URL, in examples too, and the departures in its description."""
    served = get(registry, "/openapi.json").json
    ours = json.loads(
        (CONTRACT / "clientry.openapi.json").read_text().replace("https://auth.example.com", registry.url)
    )
    assert [each["url"] for each in served["servers"]] == [registry.url]
    flow = served["components"]["securitySchemes"]["Auth"]["flows"]["clientCredentials"]
    assert send(flow["tokenUrl"], "POST", "").json["error"] == "invalid_request"
    for departure in ours["x-departures"]:
        assert f"{departure['id']}. {departure['what']} {departure['why']}" in served["info"]["description"]
    assert served["paths"] == ours["paths"]
    assert served["components"]["schemas"] == ours["components"]["schemas"] | {
        "CreateClient": served["components"]["schemas"]["CreateClient"]
    }


def test_our_document_names_the_products_of_this_server(start_server: StartServer) -> None:
    """With products and a URL of one's own the enum, the scopes and the examples name these, and none of the published ones."""
    products = [
        {"name": "tea's", "audience": "urn:tea", "description": "All teas."},
        {"name": "<b>", "audience": "urn:b"},
    ]
    env = {"CLIENTRY_PRODUCTS": json.dumps(products), "CLIENTRY_PUBLIC_URL": "https://auth.example.org/t1"}
    with start_server(env=env) as server:
        reply, page = (send(server.url, "GET", path) for path in ("/openapi.json", "/docs"))
    components: Any = reply.json["components"]
    item = components["schemas"]["CreateClient"]["properties"]["scopes"]["properties"]["products"]["items"]
    scopes = components["securitySchemes"]["Auth"]["flows"]["clientCredentials"]["scopes"]
    assert item["enum"] == ["tea's", "<b>"]
    assert scopes["tea's"] == "All teas."
    assert set(scopes) == {"clients:read", "clients:write", "accounts:read", "accounts:write", "tea's", "<b>"}
    assert b"SuperSIM" not in reply.body + page.body
    assert b"auth.example.com" not in reply.body + page.body
    assert b"<b>" not in page.body


@pytest.mark.parametrize("path", [*PAGES, *DOCUMENTS, STYLE])
def test_k03_every_document_may_be_kept_and_asked_for_again(registry: Registry, path: str) -> None:
    """It says for how long, whoever has the newest gets 304 without a body, and HEAD answers the same without it."""
    first = get(registry, path)
    assert first.one("Cache-Control") == "public, max-age=300"
    again = send(registry.url, "GET", path, [("If-None-Match", first.one("ETag"))])
    assert (again.status, again.body) == (304, b"")
    assert send(registry.url, "GET", path, [("If-None-Match", '"other"')]).status == 200
    head = send(registry.url, "HEAD", path)
    assert (head.status, head.body, head.one("Content-Length")) == (200, b"", str(len(first.body)))
    refused = send(registry.url, "POST", path)
    assert (refused.status, refused.one("Allow")) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere_and_run_nothing(registry: Registry, path: str) -> None:
    """No script, no style or handler in the page, one stylesheet of our own, and a policy that allows no more."""
    reply = get(registry, path)
    page = Page(reply)
    assert reply.one("Content-Type") == "text/html; charset=utf-8"
    assert [urljoin(registry.url + path, loaded) for loaded in page.loaded] == [registry.url + STYLE]
    assert page.tags.isdisjoint({"script", "style", "iframe", "form", "object", "embed", "base"})
    assert not any(name == "style" or name.startswith("on") for name in page.attributes)
    policy = dict(part.split(" ", 1) for part in reply.one("Content-Security-Policy").split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert reply.one("X-Content-Type-Options") == "nosniff"
    style = get(registry, STYLE)
    assert style.one("Content-Type") == "text/css; charset=utf-8"
    assert b"url(" not in style.body
    assert b"@import" not in style.body


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(registry: Registry, path: str) -> None:
    """Each link is to a page of this server that answers, and to a place that is there."""
    page = Page(get(registry, path))
    for link in page.links:
        target, place = urldefrag(link)
        if target:
            assert send(urljoin(registry.url + path, target), "GET", "").status == 200, link
        assert place == "" or place in page.anchors, link


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_under_any_address(registry: Registry, path: str) -> None:
    """Every link and file is relative and goes up no further than the front page: also below a proxy's path, or by another name."""
    page = Page(get(registry, path))
    below = "https://elsewhere.example/some/path"
    for link in (*page.links, *page.loaded):
        assert urlsplit(link)[:2] == ("", ""), link
        assert not link.startswith("/"), link
        assert urljoin(below + path, link).startswith(below + "/"), link


@pytest.mark.parametrize("path", PAGES)
def test_every_heading_can_be_linked(registry: Registry, path: str) -> None:
    """Each heading below the title has an id and shows a link to it."""
    page = Page(get(registry, path))
    assert "" not in page.headings
    assert {f"#{place}" for place in page.headings} <= set(page.links)


def test_every_error_has_its_page(registry: Registry) -> None:
    """Each code of the dictionary and each OAuth error has a page that says what it is and what to do, and the index links it."""
    index = Page(get(registry, "/errors")).links
    for name, title, remedy in errors():
        reply = get(registry, f"/errors/{name}")
        assert f"./errors/{name}" in index
        for text in (name, title, remedy):
            assert text in unescaped(reply.body)


def errors() -> Iterator[tuple[str, str, str]]:
    yield from ((str(kind.code()), kind.title, kind.remedy) for kind in DICTIONARY)
    yield from ((kind.error, kind.summary, kind.remedy) for kind in ERRORS)


def unescaped(body: bytes) -> str:
    return body.decode().replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize(
    "path", ["/errors/40499", "/errors/", "/errors/a/b", "/docs/", "/docs/assets/base.html", "/docs/assets/..%2f.."]
)
def test_a_page_that_is_not_there_is_a_404_in_the_form_of_the_api(registry: Registry, path: str) -> None:
    """What is unknown is refused as everywhere, without a redirect, and no file but those of the pages is served."""
    reply = send(registry.url, "GET", path)
    assert (reply.status, reply.json["code"]) == (404, 40404)


def test_the_reference_shows_every_operation(registry: Registry) -> None:
    """Each operation of our document has its section, with its method, path, parameters, fields and statuses."""
    reply = get(registry, "/docs")
    page, text = Page(reply), unescaped(reply.body)
    for path, item in get(registry, "/openapi.json").json["paths"].items():
        for method, operation in item.items():
            assert operation["operationId"] in page.anchors
            start = text.index(f'id="{operation["operationId"]}"')
            section = text[start : text.index("</section>", start)]
            shown = [
                method.upper(),
                path,
                *operation["responses"],
                *(each["name"] for each in operation.get("parameters", ())),
            ]
            assert [each for each in shown if each not in section] == []
    for departure in range(1, 9):
        assert f"<td>D{departure}</td>" in text


def child_account(registry: Registry) -> str:
    """Return a new account, empty."""
    body = {"friendly_name": "Example", "owner_email": "ada@example.com"}
    return registry.call("POST", "/v1/accounts", body).json["account"]["id"]


def test_every_curl_example_works(registry: Registry, tmp_path: Path) -> None:
    """Pasted into a shell, each succeeds, and no secret is an argument of a command."""
    token = access_token(registry.url, registry.admin)
    commands = [text for text in Page(get(registry, "/docs")).examples if text.startswith("curl ")]
    operations = [method for item in get(registry, "/openapi.json").json["paths"].values() for method in item]
    assert len(commands) == len(operations)
    for command in commands:
        assert "$CLIENT_SECRET" not in command.partition("<<")[0]
        client = registry.create()
        path = f"/v1/clients/{client.client_id}/secrets"
        registry.call("POST", path, {"others_end_after": "1h"} if "$SECRET_ID" in command else {})
        variables = {
            "ACCOUNT_ID": child_account(registry),
            "CLIENT_ID": client.client_id,
            "CLIENT_SECRET": client.client_secret,
            "SECRET_ID": registry.call("GET", path).json["secrets"][0]["secret_id"],
            "TOKEN": token,
        }
        done = subprocess.run(
            ["sh", "-c", command.replace("curl ", "curl -sS --fail-with-body ", 1)],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
