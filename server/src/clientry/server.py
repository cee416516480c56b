"""The composition root: the one place where what serves is put together."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
from msgspec import Struct, structs

from clientry.background.form_watch import FormWatch
from clientry.background.housekeeping import Housekeeping
from clientry.background.use_writer import UseWriter
from clientry.clock import Clock, SystemClock
from clientry.errors import StorageUnavailable
from clientry.http.addresses import proxies
from clientry.http.api.accounts import AccountHandlers
from clientry.http.api.bearer import BearerAuthentication
from clientry.http.api.clients import ClientHandlers
from clientry.http.api.idempotency import Idempotency
from clientry.http.api.pagination import Pager
from clientry.http.api.products import ProductHandlers
from clientry.http.api.secrets import SecretHandlers
from clientry.http.app import Parts, create_app, failing_app, unready_app
from clientry.http.cors import CorsPolicy
from clientry.http.exchange import App
from clientry.http.health import Readiness
from clientry.http.oauth.token import TokenHandler
from clientry.http.oauth.well_known import jwk_set_document, metadata_document, openid_configuration_document
from clientry.http.pages.reference import Reference
from clientry.http.refusals import Refusals
from clientry.http.request_log import RequestLog
from clientry.installation import FirstClient, install
from clientry.opening import Registry, install_where_missing, open_registry
from clientry.process import BACKLOG, READY, Limits, Listener, Signs, Supervisor, Times, WorkerCommand, bind, run
from clientry.process.logs import Logs
from clientry.randomness import Random, SystemRandom
from clientry.records.access_token import Issuer
from clientry.registry.signing_keys import open_key_ring
from clientry.settings import Settings
from clientry.tokens.client_authentication import ClientAuthentication
from clientry.tokens.issuing import TokenEndpoint
from clientry.tokens.uses import Uses
from clientry.waiting import await_database

_log = structlog.get_logger("clientry.server")


class Node(Struct, frozen=True):
    """What serves, in one process.

    Attributes:
        app: answers requests.
        readiness: tells whether it can.
        use_writer: writes how secrets are used.
        housekeeping: puts away what has had its time.
        form_watch: learns when the nodes of an older version are gone.
    """

    app: App
    readiness: Readiness
    use_writer: UseWriter
    housekeeping: Housekeeping
    form_watch: FormWatch


async def initialise(settings: Settings, hand_over: Callable[[FirstClient], None]) -> None:
    """Make a data directory.

    Args:
        settings: where.
        hand_over: is given the first client's credentials; if it raises, nothing was made.

    Raises:
        ConfigurationError: there is one already, or it cannot be made.
    """
    async with open_registry(settings, create=True) as registry:
        await install(registry.storage, settings, registry.keys, registry.clock, registry.random, hand_over)


async def serve(settings: Settings, logs: Logs, greet: Callable[[FirstClient, str], None]) -> int:
    """Serve in this process until a signal comes, and return the exit code.

    Args:
        settings: what to run with.
        logs: the log of this process.
        greet: is handed the first client's credentials and the server's URL when the database was empty.

    Raises:
        ConfigurationError: it cannot start like this.
    """
    taken = bind(settings.host, settings.port)
    url = public_url(settings, _port(taken))
    ended = await _await_database(settings, logs, taken, url)
    if ended is not None:
        return ended
    async with open_registry(settings, create=True) as registry:
        await install_where_missing(registry, lambda first: greet(first, url))
        return await _serve(registry, logs, taken, url)


async def supervise(
    settings: Settings, logs: Logs, command: WorkerCommand, greet: Callable[[FirstClient, str], None]
) -> int:
    """Have workers serve until a signal comes, and return the exit code.

    Args:
        settings: what they run with.
        logs: the log of this process.
        command: returns the command line of a worker, given its number, the sockets and its lifeline.
        greet: as in `serve`.

    Raises:
        ConfigurationError: it cannot start like this.
    """
    taken = bind(settings.host, settings.port)
    for one in taken:
        one.listen(BACKLOG)
    url = public_url(settings, _port(taken))
    ended = await _await_database(settings, logs, taken, url)
    if ended is not None:
        return ended
    async with open_registry(settings, create=True) as registry:
        await install_where_missing(registry, lambda first: greet(first, url))
    drain_time = settings.drain_delay + settings.drain_timeout
    supervisor = Supervisor(command, settings.workers, taken, drain_time, logs.reopen)
    serving = _started(settings, taken, url, workers=settings.workers)
    code = await supervisor.run(lambda: _log.info("serving", **serving))
    _log.info("stopped", exit_code=code)
    return code


async def work(settings: Settings, logs: Logs, taken: Sequence[socket.socket], lifeline: socket.socket) -> int:
    """Serve as one of several workers, and return the exit code.

    Args:
        settings: what to run with.
        logs: the log of this process.
        taken: the sockets to serve.
        lifeline: to the supervisor.

    Raises:
        ConfigurationError: it cannot start like this.
    """
    async with open_registry(settings) as registry:
        return await _serve(registry, logs, taken, public_url(settings, _port(taken)), lifeline)


def public_url(settings: Settings, port: int) -> str:
    """Return what every absolute URL starts with: the public URL, else where it listens."""
    if settings.public_url is not None:
        return settings.public_url
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}"


async def _await_database(settings: Settings, logs: Logs, taken: Sequence[socket.socket], url: str) -> int | None:
    """Return None when the database is up, or the exit code if a signal came before."""
    app = _outermost(unready_app(url, _cors(settings)), settings, url, logs, SystemRandom())
    listener = structs.replace(_listener(settings, url, SystemClock()), drain_delay=0)

    async def unready(lifeline: socket.socket, on_end: Callable[[], None]) -> int:
        signs = Signs(lambda: None, on_end, logs.reopen)
        # Of copies: who connects when this ends waits until the others serve, and is refused by nobody.
        return await run(app, listener, [one.dup() for one in taken], signs, lifeline)

    code = await await_database(settings.database_url, settings.database_wait, unready)
    if code is not None:
        _log.info("stopped", exit_code=code)
    return code


async def _serve(
    registry: Registry, logs: Logs, taken: Sequence[socket.socket], url: str, lifeline: socket.socket | None = None
) -> int:
    node = await assemble(registry, url, logs)

    def on_serving() -> None:
        if lifeline is None:
            _log.info("serving", **_started(registry.settings, taken, url))
        else:
            lifeline.send(READY)

    chores = (node.housekeeping.run(), node.use_writer.run(), node.form_watch.run(), registry.high_water.run())
    signs = Signs(on_serving, node.readiness.drain, logs.reopen)
    async with _beside(*chores):
        code = await run(node.app, _listener(registry.settings, url, registry.clock), taken, signs, lifeline)
    with contextlib.suppress(StorageUnavailable):
        await node.use_writer.write()
    if lifeline is None:
        _log.info("stopped", exit_code=code)
    return code


@asynccontextmanager
async def _beside(*chores: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Have chores go on beside what is done meanwhile."""
    tasks = [asyncio.create_task(chore) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _port(taken: Sequence[socket.socket]) -> int:
    return taken[0].getsockname()[1]


def _started(settings: Settings, taken: Sequence[socket.socket], url: str, **more: object) -> dict[str, object]:
    place = {"data": str(settings.data), "database": str(settings.database_url)}
    return {"url": url, **place, "host": settings.host, "port": _port(taken), **more}


async def assemble(registry: Registry, url: str, logs: Logs | None) -> Node:
    """Put together what serves.

    Args:
        registry: what it works on.
        url: what every absolute URL starts with.
        logs: where each request has a line, None: nowhere.
    """
    settings, storage, clock, random = registry.settings, registry.storage, registry.clock, registry.random
    kek, algorithm = registry.keys.key_encryption_key, settings.signing_algorithm
    key_ring = await open_key_ring(storage, kek, algorithm, settings.token_type_header, clock, random)
    registry.high_water.hold([key.kid for key in key_ring.keys])
    await registry.high_water.check()
    issuer = Issuer(url, registry.catalogue, settings.separate_audiences)
    readiness = Readiness(storage, registry.high_water)
    authentication = ClientAuthentication(storage, clock, registry.keys.pepper, uses := Uses())
    endpoint = TokenEndpoint(storage, authentication, clock, random, key_ring, issuer)
    pager = Pager(url, registry.keys.cursor_key)
    parts = Parts(
        public_url=url,
        bearer=BearerAuthentication(storage, key_ring, issuer, clock),
        idempotency=Idempotency(storage, registry.keys.answer_keys, clock, random, settings.body_timeout),
        token=TokenHandler(endpoint, settings.body_timeout),
        clients=ClientHandlers(
            registry.clients, registry.lifecycle, registry.catalogue, pager, url, settings.body_timeout
        ),
        secrets=SecretHandlers(registry.secrets, registry.catalogue, settings.body_timeout),
        products=ProductHandlers(registry.catalogue),
        accounts=AccountHandlers(registry.accounts, pager, url, settings.body_timeout),
        high_water=registry.high_water,
        readiness=readiness,
        metadata=metadata_document(url, registry.catalogue),
        openid_configuration=openid_configuration_document(url, registry.catalogue, key_ring),
        jwk_set=jwk_set_document(key_ring),
        reference=Reference(url, registry.catalogue),
        cors=_cors(settings),
    )
    app = _outermost(create_app(parts), settings, url, logs, random)
    return Node(
        app,
        readiness,
        UseWriter(storage, registry.secret_life, uses),
        Housekeeping(storage, clock, registry.lifecycle, registry.secret_life),
        FormWatch(storage),
    )


def _outermost(app: App, settings: Settings, url: str, logs: Logs | None, random: Random) -> App:
    return RequestLog(
        app,
        logs if settings.access_log else None,
        random,
        proxies(settings.trusted_proxies if settings.behind_proxy else ()),
        failing_app(url, _cors(settings)),
        https=urlsplit(url).scheme == "https",
    )


def _cors(settings: Settings) -> CorsPolicy:
    return CorsPolicy(settings.cors_origins, settings.cors_credentials)


def _listener(settings: Settings, url: str, clock: Clock) -> Listener:
    return Listener(
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        drain_delay=settings.drain_delay,
        drain_timeout=settings.drain_timeout,
        limits=Limits(
            times=Times(settings.header_timeout, settings.body_timeout, settings.keep_alive),
            max_connections=settings.max_connections,
            refusal=Refusals(url, CorsPolicy(settings.cors_origins, settings.cors_credentials)),
        ),
        clock=clock,
    )
