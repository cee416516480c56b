"""Lists through the front door: rulings 2 to 6 of the contract."""

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.contract.published import send
from tests.contract.tenant import Tenant, new_tenant
from tests.support.server import Server
from tests.support.wire import Reply

LIST = "/v1/clients"


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    """Give an account with 7 standard clients and its admin client, which no test changes."""
    made = new_tenant(server)
    for number in range(7):
        made.registry.create(name=f"Listed {number} STRASSE")
    return made


def page(tenant: Tenant, query: str) -> Reply:
    return tenant.registry.call("GET", f"{LIST}?{query}")


def follow(tenant: Tenant, url: str) -> Reply:
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == tenant.registry.url
    return page(tenant, parts.query)


BAD_NUMBERS = [
    "0", "-1", "+5", "%2B5", "1.5", "abc", "", "%D9%A1%D9%A2", "01", "%201", "1%20", "1+", "1e3", "0x1",
    "2147483648", str(10**18), "9" * 400,
]  # fmt: skip


@pytest.mark.parametrize("name", ["page_size", "page_number"])
@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_ruling_03_y07_paging_takes_whole_numbers_only(tenant: Tenant, name: str, value: str) -> None:
    """Everything but a whole number from 1 to 2147483647 is a 400 that names the parameter."""
    other = "page_number" if name == "page_size" else "page_size"
    reply = page(tenant, f"{name}={value}&{other}=1")
    assert reply.status == 400
    assert name in reply.json["message"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("page_size=1", "page_number"),
        ("page_number=1", "page_size"),
        ("", "page_size"),
        ("page_size=1&page_number=1&page_size=1", "page_size"),
        ("page_size=1&page_number=1&page_number=2", "page_number"),
        ("page_size=1&page_number=1&client_typ=admin", "client_typ"),
        ("page_size=1&page_number=1&client_type=root", "client_type"),
        ("page_size=1&page_number=1&client_type=ADMIN", "client_type"),
        ("page_size=1&page_number=1&client_type=", "client_type"),
        ("page_size=1&page_number=1&status=gone", "status"),
        ("page_size=1&page_number=1&name=", "name"),
        ("page_size=1&page_number=1&name=%00", "name"),
        ("page_size=1&page_number=1&name=a&name=b", "name"),
        ("page_size=1&page_number=1&name=%ff", "query"),
        ("page_size=1&page_number=1&name=%zz", "query"),
        ("page_size=1&page_number=1&cursor=x", "cursor"),
    ],
)
def test_ruling_03_d8_the_list_refuses_what_it_does_not_know(tenant: Tenant, query: str, named: str) -> None:
    """Missing, repeated, unknown and mistyped parameters are 400 and named."""
    reply = page(tenant, query)
    assert reply.status == 400
    assert named in reply.json["message"]


def test_ruling_03_elsewhere_unknown_parameters_are_ignored(tenant: Tenant) -> None:
    """Only the lists are strict about parameters."""
    assert tenant.registry.call("GET", "/v1/ping?x=1&x=2").json == {"status": "ok"}


def test_ruling_03_the_largest_page_is_whole(tenant: Tenant) -> None:
    """A page of 2147483647 holds everything; its page 2147483647 is empty and leads back to the last page."""
    whole = page(tenant, "page_size=2147483647&page_number=1").json
    assert len(whole["clients"]) == whole["meta"]["count"] == 8
    assert (whole["meta"]["previous_page_url"], whole["meta"]["next_page_url"]) == ("", "")
    past = page(tenant, "page_size=2147483647&page_number=2147483647").json
    assert past["clients"] == []
    assert follow(tenant, past["meta"]["previous_page_url"]).json["clients"] == whole["clients"]


def test_ruling_03_a_large_page_arrives_in_parts_and_whole(server: Server) -> None:
    """A page of more rows than are read at a time has each once, in order, and its neighbours fit."""
    own = new_tenant(server)
    made = {own.registry.create().client_id for _ in range(620)} | {own.admin.client_id}
    first = page(own, "page_size=610&page_number=1").json
    second = follow(own, first["meta"]["next_page_url"]).json
    ids = [client["client_id"] for client in first["clients"] + second["clients"]]
    assert (len(first["clients"]), len(ids), set(ids)) == (610, 621, made)
    assert ids == sorted(ids, reverse=True)
    assert second["meta"] | {"next_page_url": ""} == second["meta"]
    assert follow(own, second["meta"]["previous_page_url"]).json["clients"] == first["clients"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
def test_ruling_05_d1_d6_walking_there_and_back(tenant: Tenant, size: int) -> None:
    """From page 1 by next, and back by previous, each page is the same, newest first, with the size of the whole result."""
    pages = [page(tenant, f"page_size={size}&page_number=1").json]
    while pages[-1]["meta"]["next_page_url"]:
        pages.append(follow(tenant, pages[-1]["meta"]["next_page_url"]).json)
    rows = [row for one in pages for row in one["clients"]]
    assert [one["meta"]["page_number"] for one in pages] == list(range(1, len(pages) + 1))
    assert {one["meta"]["count"] for one in pages} == {8}
    assert rows == sorted(rows, key=lambda row: (row["date_created"], row["client_id"]), reverse=True)
    assert len({row["client_id"] for row in rows}) == 8
    back = [pages[-1]]
    while back[-1]["meta"]["previous_page_url"]:
        back.append(follow(tenant, back[-1]["meta"]["previous_page_url"]).json)
    assert [one["clients"] for one in reversed(back)] == [one["clients"] for one in pages]
    for number, one in enumerate(pages, 1):
        assert page(tenant, f"page_size={size}&page_number={number}").json["clients"] == one["clients"]


def test_ruling_05_past_the_end_and_of_nothing(tenant: Tenant) -> None:
    """Past the end the list is empty and leads to the last page; an empty result leads nowhere."""
    past = page(tenant, "page_size=3&page_number=9").json
    assert past["clients"] == []
    assert parse_qs(urlsplit(past["meta"]["previous_page_url"]).query)["page_number"] == ["3"]
    assert len(follow(tenant, past["meta"]["previous_page_url"]).json["clients"]) == 2
    empty = page(tenant, "page_size=3&page_number=2&name=nobody+is+called+so").json
    expected = {"count": 0, "page_number": 2, "page_size": 3, "previous_page_url": "", "next_page_url": ""}
    assert empty == {"clients": [], "meta": expected}


def test_ruling_05_page_urls_keep_the_filters_and_ignore_the_host(tenant: Tenant) -> None:
    """Links start with the public URL, whatever Host and forwarded headers say, and carry every filter."""
    spoofed = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")]
    query = "page_size=2&page_number=1&client_type=standard&name=listed&status=any"
    reply = send(tenant.registry.url, "GET", f"{LIST}?{query}", [*spoofed, tenant.registry.bearer])
    following = reply.json["meta"]["next_page_url"]
    assert following.startswith(tenant.registry.url + "/v1/clients?")
    assert {"client_type": ["standard"], "name": ["listed"], "status": ["any"]}.items() <= parse_qs(
        urlsplit(following).query
    ).items()
    assert "evil" not in reply.body.decode()


@pytest.mark.parametrize(
    "change",
    ["page_size=3", "page_number=3", "name=x", "client_type=standard", "status=any"],
)
def test_ruling_05_a_cursor_is_bound_to_its_list(tenant: Tenant, change: str) -> None:
    """A cursor under another size, page or filter is a 400."""
    following = page(tenant, "page_size=2&page_number=1").json["meta"]["next_page_url"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    query = {"page_size": "2", "page_number": "2", "cursor": cursor} | dict([change.split("=")])
    assert page(tenant, "&".join(f"{name}={value}" for name, value in query.items())).status == 400


def test_ruling_05_cve_2026_33504_a_forged_cursor_is_refused(server: Server, tenant: Tenant) -> None:
    """Changed, cut, extended and foreign cursors are 400, and never a 500."""
    following = page(tenant, "page_size=2&page_number=1").json["meta"]["next_page_url"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    flipped = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    for forged in (
        flipped,
        cursor[:-1],
        cursor + "A",
        cursor + "=",
        "",
        "%00",
        "A" * 5000,
        "' OR 1=1 --".replace(" ", "+"),
    ):
        assert page(tenant, f"page_size=2&page_number=2&cursor={forged}").status == 400
    assert page(new_tenant(server), f"page_size=2&page_number=2&cursor={cursor}").status == 400


def test_ruling_04_a_walk_is_stable_while_clients_come_and_go(server: Server) -> None:
    """While others create and delete, a walk by next_page_url shows every client that was there all along exactly once."""
    own = new_tenant(server)
    steady = [own.registry.create().client_id for _ in range(25)]
    doomed = [own.registry.create().client_id for _ in range(12)]
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            own.registry.create()
            if doomed:
                own.registry.delete(doomed.pop())

    thread = threading.Thread(target=churn)
    thread.start()
    seen: list[str] = []
    try:
        reply = page(own, "page_size=3&page_number=1")
        seen += [row["client_id"] for row in reply.json["clients"]]
        while following := reply.json["meta"]["next_page_url"]:
            reply = follow(own, following)
            seen += [row["client_id"] for row in reply.json["clients"]]
    finally:
        stop.set()
        thread.join()
    assert len(seen) == len(set(seen))
    assert set(steady) <= set(seen)


def test_ruling_06_a_list_shows_the_active_clients_of_the_tree(server: Server) -> None:
    """The list has the caller's account and those below it, without disabled ones unless asked for; filters narrow it."""
    parent = new_tenant(server)
    child = new_tenant(server, parent.account_id)
    mine, below = parent.registry.create(name="Ünique One"), child.registry.create(name="unIQUE two")
    parent.registry.update(mine.client_id, enabled=False, client_owner="Ada@Example.com")

    def ids(tenant: Tenant, more: str = "") -> set[str]:
        return {row["client_id"] for row in page(tenant, f"page_size=50&page_number=1{more}").json["clients"]}

    everyone = {mine.client_id, below.client_id, parent.admin.client_id, child.admin.client_id}
    assert ids(parent, "&status=any") == everyone
    assert ids(parent) == everyone - {mine.client_id}
    assert ids(parent, "&status=disabled") == {mine.client_id}
    assert ids(child) == {below.client_id, child.admin.client_id}
    assert ids(parent, f"&account_id={child.account_id}") == {below.client_id, child.admin.client_id}
    assert ids(child, f"&account_id={parent.account_id}&status=any") == set()
    assert ids(child, "&account_id=nonsense") == set()
    assert ids(parent, "&client_type=admin") == {parent.admin.client_id, child.admin.client_id}
    assert ids(parent, "&name=UNIQUE+tw") == {below.client_id}
    assert ids(parent, "&name=%C3%9CNIQUE&status=any") == {mine.client_id}
    assert ids(parent, "&client_owner=ada@example.com&status=any") == {mine.client_id}
    assert parent.registry.call("GET", f"{LIST}/{mine.client_id}").json["client"]["enabled"] is False
