"""Settings: each is declared once, here."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from clientry.records.access_token import TokenType
from clientry.records.field import clean_email, clean_text
from clientry.records.product import Product
from clientry.records.signing_key import Algorithm
from clientry.settings.database_url import DatabaseUrl, sqlite_url
from clientry.settings.kinds import (
    cleaned,
    database_url,
    hidden_text,
    host,
    networks,
    one_of,
    origins,
    path,
    products,
    secret_prefix,
    switch,
    whole_number,
)
from clientry.settings.setting import Setting
from clientry.settings.urls import absolute_url
from clientry.settings.values import HiddenText, LogFormat, LogLevel, Pooler

DEFAULT_PRODUCTS: Final = tuple(
    Product(name, f"urn:clientry:product:{name}") for name in ("SuperSIM", "ProgrammableWireless")
)


class Settings(Struct, frozen=True):
    """What Clientry runs with; each field's meaning is its entry in `SETTINGS`."""

    data: Path
    database: DatabaseUrl | None
    database_connections: int
    database_wait: int
    database_pooler: Pooler
    workers: int
    host: str
    port: int
    public_url: str | None
    tls_cert: Path | None
    tls_key: Path | None
    behind_proxy: bool
    trusted_proxies: tuple[str, ...]
    pepper_file: Path | None
    pepper: HiddenText | None
    key_encryption_key_file: Path | None
    key_encryption_key: HiddenText | None
    credentials_file: Path | None
    high_water_file: Path | None
    owner_email: str
    account_name: str
    signing_algorithm: Algorithm
    token_type_header: TokenType
    secret_prefix: str
    restore_window: int
    products: tuple[Product, ...]
    separate_audiences: bool
    cors_origins: tuple[str, ...]
    cors_credentials: bool
    log_format: LogFormat
    log_level: LogLevel
    access_log: bool
    header_timeout: int
    body_timeout: int
    keep_alive: int
    max_connections: int
    drain_delay: int
    drain_timeout: int

    def __repr__(self) -> str:
        return f"Settings({shown(self)})"

    @property
    def database_url(self) -> DatabaseUrl:
        """Where the database is."""
        return self.database or sqlite_url(self.data / "clientry.db")

    @property
    def pepper_path(self) -> Path:
        """Where the pepper is, unless it is given itself."""
        return self.pepper_file or self.data / "pepper"

    @property
    def key_encryption_key_path(self) -> Path:
        """Where the key-encryption key is, unless it is given itself."""
        return self.key_encryption_key_file or self.data / "key-encryption-key"

    @property
    def has_both_keys(self) -> bool:
        """Whether no key file is needed."""
        return self.pepper is not None and self.key_encryption_key is not None

    @property
    def first_credentials(self) -> Path:
        """Where a first start without a terminal writes the first client's credentials."""
        return self.credentials_file or self.data / "first-client.json"

    @property
    def high_water_places(self) -> tuple[Path, ...]:
        """Where this node keeps what it knows to be in the database; the first of these that can be written."""
        if self.high_water_file is not None:
            return (self.high_water_file,)
        data, name = self.data.absolute(), "high-water-mark"
        inside = data / name
        return (data.with_name(f"{data.name}.{name}"), inside) if data.name else (inside,)


SETTINGS: Final = (
    Setting("data", path, Path("clientry-data"), "The data directory: database, pepper and key-encryption key."),
    Setting(
        "database",
        database_url,
        None,
        "sqlite:PATH, or postgresql://USER@HOST[,HOST…]/DATABASE. Default: clientry.db in the data directory.",
    ),
    Setting(
        "database_connections",
        whole_number(1, 1000),
        10,
        "PostgreSQL transactions at a time, each worker; two more connections are for look-ups.",
    ),
    Setting(
        "database_wait",
        whole_number(0, 86_400),
        60,
        "Seconds that serve waits at its start for a PostgreSQL that does not answer yet; /readyz says 503 meanwhile.",
    ),
    Setting(
        "database_pooler",
        one_of(Pooler),
        Pooler.AUTO,
        "Before PostgreSQL: none, transaction (a pooler that gives each transaction any connection), or auto: look.",
    ),
    Setting("workers", whole_number(1, 256), 1, "Processes that serve; a dead one is replaced."),
    Setting(
        "host", host, "127.0.0.1", "The address to listen on, or a name: each of its addresses. :: is IPv4 as well."
    ),
    Setting("port", whole_number(0, 65535), 8080, "The port to listen on; 0 picks a free one."),
    Setting(
        "public_url", absolute_url, None, "What every absolute URL starts with; the issuer. Default: where it listens."
    ),
    Setting("tls_cert", path, None, "Certificate chain in PEM."),
    Setting("tls_key", path, None, "Private key of the certificate in PEM."),
    Setting("behind_proxy", switch, False, "A proxy terminates TLS; needs public_url."),
    Setting("trusted_proxies", networks, ("127.0.0.0/8", "::1/128"), "Whose forwarded headers count, behind a proxy."),
    Setting("pepper_file", path, None, "The key of the secrets' hashes. Default: pepper in the data directory."),
    Setting("pepper", hidden_text, None, "The pepper itself, 32 bytes in hexadecimal.", variable_only=True),
    Setting("key_encryption_key_file", path, None, "What the signing keys are encrypted under. Default: as above."),
    Setting("key_encryption_key", hidden_text, None, "The key-encryption key itself, as above.", variable_only=True),
    Setting("credentials_file", path, None, "Where a first start without a terminal leaves the first credentials."),
    Setting(
        "high_water_file",
        path,
        None,
        "What this node knows to be in the database. Default: beside the data directory, with .high-water-mark added to its "
        "name; or high-water-mark in it.",
    ),
    Setting("owner_email", cleaned(clean_email), "owner@localhost", "Owner of the root account, at the first start."),
    Setting("account_name", cleaned(clean_text), "Root account", "Name of the root account, at the first start."),
    Setting("signing_algorithm", one_of(Algorithm), Algorithm.ES256, "What new tokens are signed with."),
    Setting(
        "token_type_header",
        one_of(TokenType),
        TokenType.AT_JWT,
        "What new tokens say that they are (typ): at+jwt (RFC 9068), or JWT for verifiers that know nothing else.",
    ),
    Setting("secret_prefix", secret_prefix, "cs_", "What new client secrets start with."),
    Setting(
        "restore_window",
        whole_number(0, 31_536_000),
        2_592_000,
        "Seconds within which a deleted client can be restored; then what is left of it is deleted for good.",
    ),
    Setting("products", products, DEFAULT_PRODUCTS, "What the API consists of: name, audience, description."),
    Setting(
        "separate_audiences",
        switch,
        False,
        "Whether a token is either for the registry or for products: clients that may do both ask for one with scope.",
    ),
    Setting("cors_origins", origins, ("*",), "Origins whose pages may read answers."),
    Setting("cors_credentials", switch, False, "Whether those pages may send credentials."),
    Setting("log_format", one_of(LogFormat), LogFormat.AUTO, "auto, console or json."),
    Setting("log_level", one_of(LogLevel), LogLevel.INFO, "debug, info, warning or error."),
    Setting("access_log", switch, True, "Whether each request has a line in the log."),
    Setting("header_timeout", whole_number(1, 3600), 10, "Seconds that a request's head may take to arrive."),
    Setting("body_timeout", whole_number(1, 3600), 10, "Seconds that a request's body may take to arrive."),
    Setting(
        "keep_alive",
        whole_number(1, 3600),
        75,
        "Seconds that an idle connection stays open: longer than a balancer in front of it keeps one.",
    ),
    Setting("max_connections", whole_number(1, 1_000_000), 1000, "Connections at a time."),
    Setting(
        "drain_delay",
        whole_number(0, 3600),
        0,
        "Seconds that a server asked to stop says so on /readyz and goes on, so that a load balancer sees it.",
    ),
    Setting("drain_timeout", whole_number(0, 3600), 20, "Seconds that requests under way have to finish at the end."),
)


def shown(settings: Settings) -> dict[str, object]:
    """Return the settings as values that JSON has; there is no secret among them."""
    return {name: msgspec.to_builtins(value, enc_hook=str) for name, value in structs.asdict(settings).items()}
