"""Remembers what was acknowledged, and compares it with what is there after healing. Speaks HTTP and the command line only."""

import http.client
import random
import threading
from typing import Any

from msgspec import Struct
from tests.support.registry import Credentials, Registry
from tests.support.server import Server, clientry
from tests.support.wire import ask_token


class Expected(Struct):
    """What is known of a client.

    Attributes:
        credentials: its id and secret.
        name: the name that was acknowledged last.
        names: this one, and those whose fate is not known.
        enabled: every state that it may be in.
        deleted: whether it is gone: yes, no, or None: not known.
    """

    credentials: Credentials
    name: str
    names: set[str]
    enabled: set[bool]
    deleted: bool | None = False


class Checker:
    """Changes clients at random, as several writers at a time; each writer changes only its own."""

    def __init__(self) -> None:
        self.clients: list[Expected] = []
        self.settled: dict[str, tuple[str, bool] | None] = {}
        self.unknown_creations: set[str] = set()
        self.statuses: set[int] = set()
        self._lock = threading.Lock()

    def write(self, registry: Registry, stop: threading.Event, writer: int, chance: random.Random) -> None:
        """Make changes until told to stop, or until the server is gone."""
        own: list[Expected] = []
        number = 0
        while not stop.is_set():
            number += 1
            try:
                self._one(registry, own, f"{writer}-{number}-{chance.random()}", chance)
            except (OSError, http.client.HTTPException):
                return

    def check(self, server: Server) -> None:
        """Check that all acknowledged changes are there, the rest wholly or not at all, and that nothing contradicts itself.

        What was not known is settled by it: from the next check on it must stay as it was found.
        """
        registry = Registry(server.url, server.admin)
        listed = registry.call("GET", "/v1/clients?page_size=1000000&page_number=1&status=any").json
        found = {client["client_id"]: client for client in listed["clients"]}
        assert listed["meta"]["count"] == len(found)
        for state in ("active", "disabled"):
            page = registry.call("GET", f"/v1/clients?page_size=1&page_number=1&status={state}").json
            assert page["meta"]["count"] == sum(client["enabled"] is (state == "active") for client in found.values())
        for client_id, was in self.settled.items():
            client = found.pop(client_id, None)
            assert was == (client and (client["name"], client["enabled"]))
        for expected in self.clients:
            self._check_one(server, expected, found.pop(expected.credentials.client_id, None))
        found.pop(server.admin.client_id)
        for client in found.values():
            assert client["name"] in self.unknown_creations
            self.settled[client["client_id"]] = (client["name"], client["enabled"])
        self.clients = []

    def check_trail(self, server: Server) -> None:
        """Check that the audit trail is whole, and that what it tells from the beginning ends in what is there."""
        assert server.audit_is_whole()
        told: dict[str, dict[str, Any]] = {}
        created: set[str] = set()
        for event in clientry("audit", "list", data=server.data):
            target = event["target"]
            if event["operation"] == "client.create":
                created.add(target)
                told[target] = event["after"]
            elif event["operation"] == "client.update":
                assert event["before"].items() <= told[target].items()
                told[target].update(event["after"])
            elif event["operation"] == "client.delete":
                assert event["before"] == told.pop(target)
        registry = Registry(server.url, server.admin)
        listed = registry.call("GET", "/v1/clients?page_size=1000000&page_number=1&status=any").json["clients"]
        shown = ("name", "enabled", "client_owner")
        assert {one["client_id"]: [one[name] for name in shown] for one in listed} == {
            client_id: [client[name] for name in shown] for client_id, client in told.items()
        }
        assert self.settled.keys() <= created

    def _one(self, registry: Registry, own: list[Expected], name: str, chance: random.Random) -> None:
        alive = [client for client in own if client.deleted is False]
        kind = chance.choice(["create", "create", "rename", "disable", "enable", "delete"]) if alive else "create"
        if kind == "create":
            self._create(registry, own, name)
            return
        client = chance.choice(alive)
        path = f"/v1/clients/{client.credentials.client_id}"
        if kind == "delete":
            client.deleted = None
            if self._acknowledged(registry, "DELETE", path, None):
                client.deleted = True
        elif kind == "rename":
            client.names.add(name)
            if self._acknowledged(registry, "PATCH", path, {"name": name}):
                client.name, client.names = name, {name}
        else:
            state = kind == "enable"
            client.enabled.add(state)
            if self._acknowledged(registry, "PATCH", path, {"enabled": state}):
                client.enabled = {state}

    def _create(self, registry: Registry, own: list[Expected], name: str) -> None:
        self.unknown_creations.add(name)
        reply = registry.call("POST", "/v1/clients", {"name": name, "locked": False, "scopes": {"products": []}})
        self.statuses.add(reply.status)
        if reply.status != 201:
            return
        self.unknown_creations.discard(name)
        made = Expected(Credentials(reply.json["client_id"], reply.json["client_secret"]), name, {name}, {True})
        own.append(made)
        with self._lock:
            self.clients.append(made)

    def _acknowledged(self, registry: Registry, method: str, path: str, body: object) -> bool:
        """Make a change; an answer that says that nothing was changed is believed only where it says so."""
        status = registry.call(method, path, body).status
        self.statuses.add(status)
        return status in (200, 204)

    def _check_one(self, server: Server, expected: Expected, found: dict[str, Any] | None) -> None:
        if expected.deleted or (found is None and expected.deleted is None):
            assert found is None
            self.settled[expected.credentials.client_id] = None
            assert ask_token(server.url, expected.credentials.form).status == 401
            return
        assert found is not None, expected
        assert found["name"] in expected.names
        assert found["enabled"] in expected.enabled
        self.settled[expected.credentials.client_id] = (found["name"], found["enabled"])
        status = ask_token(server.url, expected.credentials.form).status
        assert status == (200 if found["enabled"] else 401)


def run_writers(checker: Checker, registry: Registry, stop: threading.Event, count: int = 8) -> list[threading.Thread]:
    """Start writers."""
    threads = [
        threading.Thread(target=checker.write, args=(registry, stop, number, random.Random(number)))  # noqa: S311
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    return threads
