"""Ruling 21, at a real server: an answer that is sent in parts stops when its caller does, and is not ended in good order."""

import asyncio
import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from msgspec import structs
from tests.contract.tenant import admin_of, new_tenant
from tests.storage.records import a_client
from tests.support.opened import storage_of
from tests.support.registry import Registry
from tests.support.server import Server

from clientry.records.client import Client
from clientry.records.scope import RESOURCES
from clientry.storage import Storage, Transaction

ROWS = 12_000
ROW = re.compile(rb'"client_id":"(apiclient_[0-9a-z]{26})"')


class Crowd:
    """An account with 12,000 clients, and the registry as the root's admin client has it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.above = Registry(server.url, server.admin)
        self.tenant = new_tenant(server)
        self.last = asyncio.run(self._fill())

    async def _fill(self) -> Client:
        """Put the clients into the database, and return the one that every list has at its end."""
        async with storage_of(self.server.data) as storage:
            account = await storage.account(self.tenant.account_id)
            assert account is not None
            clients = [a_client(account, date_created=number) for number in range(ROWS)]
            for start in range(0, ROWS, 1_000):
                await add(storage, clients[start : start + 1_000])
        return clients[0]


async def add(storage: Storage, clients: list[Client]) -> None:
    await storage.write(lambda transaction: transaction.clients.add_all(clients))


@pytest.fixture(scope="module")
def crowd(server: Server) -> Crowd:
    """Make the crowd."""
    return Crowd(server)


def open_list(server: Server, token: str) -> socket.socket:
    """Ask for all clients at once, with little room for the answer, and read its beginning."""
    place = urlsplit(server.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((place.hostname, place.port))
    request = f"GET /v1/clients?page_size={ROWS * 2}&page_number=1 HTTP/1.1\r\nHost: {place.netloc}\r\n"
    connection.sendall(f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    return connection


def rest(connection: socket.socket) -> bytes:
    """Read what comes until the connection is closed, in whatever way."""
    received = b""
    try:
        while part := connection.recv(65_536):
            received += part
            if received.endswith(b"\r\n0\r\n\r\n"):
                break
    except ConnectionResetError:
        pass
    connection.close()
    return received


def disable(crowd: Crowd, client_id: str) -> None:
    crowd.above.update(client_id, enabled=False)


def revoke(crowd: Crowd, client_id: str) -> None:
    assert crowd.above.call("POST", f"/v1/clients/{client_id}/revoke_tokens").status == 200


def take_a_scope(crowd: Crowd, client_id: str) -> None:
    """Take `clients:read` from the caller, which no operation does yet."""

    async def body(transaction: Transaction) -> None:
        old = await transaction.clients.get(client_id)
        assert old is not None
        new = structs.replace(old, version=old.version + 1, resources=RESOURCES[1:])
        await transaction.clients.replace(old, new)

    async def write() -> None:
        async with storage_of(crowd.server.data) as storage:
            await storage.write(body)

    asyncio.run(write())


def test_an_open_list_is_sent_whole(crowd: Crowd) -> None:
    """While its caller stands all rows come, and the answer ends as answers do."""
    received = rest(open_list(crowd.server, crowd.tenant.registry.token))
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert crowd.last.client_id.encode() in received


@pytest.mark.parametrize("stop", [disable, revoke, take_a_scope], ids=lambda stop: stop.__name__)
def test_ruling_21_an_open_list_of_a_stopped_caller_is_broken_off(
    crowd: Crowd, stop: Callable[[Crowd, str], None]
) -> None:
    """12,000 rows, half read: nothing of what was changed after the stop is told, and the connection is broken, not ended."""
    admin = admin_of(crowd.server, crowd.tenant.account_id)
    connection = open_list(crowd.server, crowd.server.token(*admin))
    stop(crowd, admin.client_id)
    crowd.above.update(crowd.last.client_id, name="renamed after the stop")
    received = rest(connection)
    assert not received.endswith(b"0\r\n\r\n")
    assert b"renamed after the stop" not in received
    assert len(ROW.findall(received)) < ROWS - 1_000
