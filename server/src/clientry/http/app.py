"""The route table and the middleware list: every URL of Clientry is here and nowhere else."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from msgspec import Struct

from clientry.background.high_water import HighWater
from clientry.errors import InternalError, MethodNotAllowed, NotFound, Unavailable
from clientry.http import health
from clientry.http.api.accounts import AccountHandlers, CreateAccount, UpdateAccount
from clientry.http.api.bearer import BearerAuthentication
from clientry.http.api.clients import ClientHandlers, CreateClient, UpdateClient
from clientry.http.api.idempotency import CallerEndpoint, Idempotency
from clientry.http.api.products import ProductHandlers
from clientry.http.api.representations import AccountBody, ClientBody, CreatedBody, CreatedSecretBody, ShownSecretBody
from clientry.http.api.secrets import ContainClient, CreateSecret, SecretHandlers
from clientry.http.cors import Cors, CorsPolicy
from clientry.http.document import Document
from clientry.http.exchange import JSON, NO_STORE, Answer, App, Receive, Scope, Send
from clientry.http.health import Readiness
from clientry.http.oauth.token import TokenHandler
from clientry.http.oauth.well_known import JWK_SET_PATH, TOKEN_PATH, metadata_paths, openid_configuration_paths
from clientry.http.pages.reference import Reference
from clientry.http.problems import Problems
from clientry.http.routing import Routes
from clientry.oauth2 import ServerError, TemporarilyUnavailable
from clientry.records.caller import Caller
from clientry.records.product import Product
from clientry.records.scope import ACCOUNTS_READ, ACCOUNTS_WRITE, CLIENTS_READ, CLIENTS_WRITE

Endpoint = Callable[[Scope, Receive], Awaitable[Answer]]

_CORS_PREFIXES: Final = ("/v1/", TOKEN_PATH)


class Parts(Struct, frozen=True):
    """What an app is made of.

    Attributes:
        public_url: what every absolute URL starts with; the issuer.
        bearer: tells who calls.
        idempotency: makes a change once for each idempotency key.
        token: answers token requests.
        clients: the handlers of clients.
        secrets: the handlers of client secrets.
        accounts: the handlers of accounts.
        high_water: tells whether the database went back to an earlier state: then neither the API nor the token endpoint answers.
        readiness: answers `/readyz`.
        metadata: the authorization server metadata.
        openid_configuration: the same for who looks for OpenID Connect Discovery.
        jwk_set: the JWK Set.
        reference: the documents and pages.
        cors: who may read answers in a browser.
    """

    public_url: str
    bearer: BearerAuthentication
    idempotency: Idempotency
    token: TokenHandler
    clients: ClientHandlers
    secrets: SecretHandlers
    accounts: AccountHandlers
    products: ProductHandlers
    high_water: HighWater
    readiness: Readiness
    metadata: Document
    openid_configuration: Document
    jwk_set: Document
    reference: Reference
    cors: CorsPolicy


class Operation(Struct, frozen=True):
    """One operation of the registry API: where it is, what it needs, and what it reads and writes.

    Attributes:
        operation_id: as in the OpenAPI document.
        method: of HTTP; GET answers HEAD too.
        path: with `{parameters}`.
        handler: translates it.
        needs: the scope that the caller needs, None: any good token.
        request: what the body is read as, None: it has none.
        response: what the answer is written from, None: it has none.
    """

    operation_id: str
    method: str
    path: str
    handler: CallerEndpoint
    needs: str | None = None
    request: type[Struct] | None = None
    response: type[Struct] | None = None


def operations(parts: Parts) -> tuple[Operation, ...]:
    """Return the operations of the registry API."""
    clients, secrets, accounts = parts.clients, parts.secrets, parts.accounts
    one, many, account = "/v1/clients/{client_id}", "/v1/clients", "/v1/accounts/{account_id}"
    return (
        Operation("getClient", "GET", one, clients.get, CLIENTS_READ, None, ClientBody),
        Operation("updateClient", "PATCH", one, clients.update, CLIENTS_WRITE, UpdateClient, ClientBody),
        Operation("deleteClient", "DELETE", one, clients.delete, CLIENTS_WRITE),
        Operation("listClient", "GET", many, clients.list, CLIENTS_READ, None, ClientBody),
        Operation("createClient", "POST", many, clients.create, CLIENTS_WRITE, CreateClient, CreatedBody),
        Operation(
            "revokeClientTokens", "POST", one + "/revoke_tokens", clients.revoke_tokens, CLIENTS_WRITE, None, ClientBody
        ),
        Operation("restoreClient", "POST", one + "/restore", clients.restore, CLIENTS_WRITE, None, ClientBody),
        Operation("getSecrets", "GET", one + "/secrets", secrets.list, CLIENTS_READ, None, ShownSecretBody),
        Operation(
            "createSecret", "POST", one + "/secrets", secrets.create, CLIENTS_WRITE, CreateSecret, CreatedSecretBody
        ),
        Operation("containClient", "POST", one + "/contain", secrets.contain, CLIENTS_WRITE, ContainClient, ClientBody),
        Operation("deleteSecret", "DELETE", one + "/secrets/{secret_id}", secrets.delete, CLIENTS_WRITE),
        Operation("listAccount", "GET", "/v1/accounts", accounts.list, ACCOUNTS_READ, None, AccountBody),
        Operation("createAccount", "POST", "/v1/accounts", accounts.create, ACCOUNTS_WRITE, CreateAccount, AccountBody),
        Operation("getAccount", "GET", account, accounts.get, ACCOUNTS_READ, None, AccountBody),
        Operation("updateAccount", "PATCH", account, accounts.update, ACCOUNTS_WRITE, UpdateAccount, AccountBody),
        Operation("deleteAccount", "DELETE", account, accounts.delete, ACCOUNTS_WRITE),
        Operation(
            "revokeAccountTokens",
            "POST",
            account + "/revoke_tokens",
            accounts.revoke_tokens,
            ACCOUNTS_WRITE,
            None,
            AccountBody,
        ),
        Operation("getProducts", "GET", "/v1/products", parts.products.list, None, None, Product),
        Operation("ping", "GET", "/v1/ping", _ping),
    )


def create_app(parts: Parts) -> App:
    """Return the ASGI application; what nobody expected and the request log are the business of the layer around it."""
    problems = Problems(parts.public_url)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for operation in operations(parts):
        by_path.setdefault(operation.path, {})[operation.method] = _guarded(operation, parts)
    reference, high_water = parts.reference, parts.high_water

    async def token(scope: Scope, receive: Receive) -> Answer:
        high_water.ensure()
        return await parts.token(scope, receive)

    documents: dict[str, Endpoint] = {
        **dict.fromkeys(metadata_paths(parts.public_url), parts.metadata),
        **dict.fromkeys(openid_configuration_paths(parts.public_url), parts.openid_configuration),
        JWK_SET_PATH: parts.jwk_set,
        "/healthz": health.healthz,
        "/readyz": parts.readiness,
        "/": reference.front_page,
        "/openapi.json": reference.openapi,
        "/contract/clients.openapi.json": reference.contract,
        "/docs": reference.docs,
        "/docs/assets/{name}": reference.asset,
        "/errors": reference.error_index,
        "/errors/{code}": reference.error_page,
    }
    table: dict[str, App] = {
        TOKEN_PATH: Methods({"POST": token}, problems.oauth2_surface),
        **{path: Methods(methods, problems.registry_surface) for path, methods in by_path.items()},
        **{path: Methods({"GET": page}, problems.registry_surface) for path, page in documents.items()},
    }
    routes = Routes(table, otherwise=problems.registry_surface(_not_found))
    return Cors(routes, parts.cors, _CORS_PREFIXES)


def unready_app(public_url: str, cors: CorsPolicy) -> App:
    """Return what answers while there is no database yet: the process is alive, and asks for patience."""
    problems = Problems(public_url)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            answer = await health.healthz(scope, receive)
        elif scope["path"] == TOKEN_PATH:
            answer = problems.oauth2(TemporarilyUnavailable())
        else:
            answer = problems.registry(Unavailable("This server waits for its database."))
        await answer.send(scope, send)

    return Cors(refuse, cors, _CORS_PREFIXES)


def failing_app(public_url: str, cors: CorsPolicy) -> App:
    """Return what answers a request that failed in a way nobody expected: blank, in its surface's form, for browsers too."""
    problems = Problems(public_url)

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == TOKEN_PATH:
            answer = problems.oauth2(ServerError())
        else:
            answer = problems.registry(InternalError("Something went wrong on our side."))
        await answer.send(scope, send)

    return Cors(fail, cors, _CORS_PREFIXES)


class Methods:
    """What a path answers, by method."""

    def __init__(self, table: Mapping[str, Endpoint], surface: Callable[[App], App]) -> None:
        self._table = dict(table)
        if "GET" in table:
            self._table["HEAD"] = table["GET"]
        self.allow = tuple(sorted((*self._table, "OPTIONS")))
        self._options = Answer(204, ((b"allow", ", ".join(self.allow).encode()),))
        self._app = surface(self._dispatch)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return what answers a request."""
        return self._app(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        endpoint = self._table.get(method)
        if endpoint is not None:
            answer = await endpoint(scope, receive)
        elif method == "OPTIONS":
            answer = self._options
        else:
            raise MethodNotAllowed("This path does not have this method.", allow=self.allow)
        await answer.send(scope, send)


def _guarded(operation: Operation, parts: Parts) -> Endpoint:
    """Return an operation as an endpoint that first asks who calls, and whether it may, before anything is read."""
    handler, needs, bearer, high_water = operation.handler, operation.needs, parts.bearer, parts.high_water
    idempotency = parts.idempotency if operation.method == "POST" else None

    async def endpoint(scope: Scope, receive: Receive) -> Answer:
        high_water.ensure()
        caller = await bearer.caller(scope)
        if needs is not None:
            caller.require(needs)
        if idempotency is not None:
            return await idempotency.answer(caller, scope, receive, handler)
        return await handler(caller, scope, receive)

    return endpoint


async def _ping(caller: Caller, scope: Scope, receive: Receive) -> Answer:
    return Answer(200, JSON + NO_STORE, b'{"status":"ok"}')


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("There is nothing at this path.")
