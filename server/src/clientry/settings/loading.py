"""Settings: each is declared once, and can be given as a flag, as `CLIENTRY_*`, or in the TOML file, in this order.

Only this file reads the environment.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from clientry.errors import ConfigurationError
from clientry.process.logs import LogFormat, LogLevel
from clientry.records.field import clean_email, clean_text
from clientry.records.product import Product
from clientry.records.signing_key import Algorithm
from clientry.settings.database_url import DatabaseUrl, sqlite_url
from clientry.settings.setting import (
    HiddenText,
    Setting,
    absolute_url,
    cleaned,
    database_url,
    hidden_text,
    is_loopback,
    networks,
    one_of,
    origins,
    path,
    products,
    secret_prefix,
    some_text,
    switch,
    whole_number,
)

DEFAULT_PRODUCTS: Final = tuple(
    Product(name, f"urn:clientry:product:{name}") for name in ("SuperSIM", "ProgrammableWireless")
)


class Settings(Struct, frozen=True):
    """What Clientry runs with; each field's meaning is its entry in `SETTINGS`."""

    data: Path
    database: DatabaseUrl | None
    database_connections: int
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
    owner_email: str
    account_name: str
    signing_algorithm: Algorithm
    secret_prefix: str
    restore_window: int
    products: tuple[Product, ...]
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


class Loaded(Struct, frozen=True):
    """Settings, and where each came from: `flag`, the variable, the file, or `default`."""

    settings: Settings
    sources: dict[str, str]


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
    Setting("workers", whole_number(1, 256), 1, "Processes that serve; a dead one is replaced."),
    Setting("host", some_text, "127.0.0.1", "The address to listen on."),
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
    Setting("owner_email", cleaned(clean_email), "owner@localhost", "Owner of the root account, at the first start."),
    Setting("account_name", cleaned(clean_text), "Root account", "Name of the root account, at the first start."),
    Setting("signing_algorithm", one_of(Algorithm), Algorithm.ES256, "What new tokens are signed with."),
    Setting("secret_prefix", secret_prefix, "cs_", "What new client secrets start with."),
    Setting(
        "restore_window",
        whole_number(0, 31_536_000),
        2_592_000,
        "Seconds within which a deleted client can be restored; then what is left of it is deleted for good.",
    ),
    Setting("products", products, DEFAULT_PRODUCTS, "What the API consists of: name, audience, description."),
    Setting("cors_origins", origins, ("*",), "Origins whose pages may read answers."),
    Setting("cors_credentials", switch, False, "Whether those pages may send credentials."),
    Setting("log_format", one_of(LogFormat), LogFormat.AUTO, "auto, console or json."),
    Setting("log_level", one_of(LogLevel), LogLevel.INFO, "debug, info, warning or error."),
    Setting("access_log", switch, True, "Whether each request has a line in the log."),
    Setting("header_timeout", whole_number(1, 3600), 10, "Seconds that a request's head may take to arrive."),
    Setting("body_timeout", whole_number(1, 3600), 10, "Seconds that a request's body may take to arrive."),
    Setting("keep_alive", whole_number(1, 3600), 75, "Seconds that an idle connection stays open."),
    Setting("max_connections", whole_number(1, 1_000_000), 1000, "Connections at a time."),
    Setting(
        "drain_delay",
        whole_number(0, 3600),
        0,
        "Seconds that a server asked to stop says so on /readyz and goes on, so that a load balancer sees it.",
    ),
    Setting("drain_timeout", whole_number(0, 3600), 20, "Seconds that requests under way have to finish at the end."),
)


def load(flags: Mapping[str, object], environment: Mapping[str, str] | None = None) -> Loaded:
    """Return the settings in force.

    Args:
        flags: those given on the command line, by name; `config` names the TOML file.
        environment: the environment variables, None: of this process.

    Raises:
        ConfigurationError: a value is not what it must be, a name is unknown, or settings contradict each other.
    """
    env = os.environ if environment is None else environment
    config_file = flags.get("config") or env.get("CLIENTRY_CONFIG")
    given_early = {**_from_environment(env), **_from_flags(flags)}
    data = given_early.get("data", (SETTINGS[0].default, ""))[0]
    given = {**_from_file(config_file, Path(str(data))), **given_early}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in SETTINGS:
        value, source = given.get(setting.name, (None, "default"))
        values[setting.name] = setting.default if source == "default" else _parsed(setting, value, source)
        sources[setting.name] = source
    settings = Settings(**values)
    _refuse_contradictions(settings)
    return Loaded(settings, sources)


def _from_flags(flags: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    return {s.name: (flags[s.name], "flag") for s in SETTINGS if not s.variable_only and flags.get(s.name) is not None}


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    return {s.name: (env[s.variable], s.variable) for s in SETTINGS if env.get(s.variable)}


def _from_file(named: object, data: Path) -> dict[str, tuple[object, str]]:
    path = Path(str(named)) if named else data / "clientry.toml"
    if not named and not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise ConfigurationError(f"The configuration file {path} cannot be read: {problem.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"The configuration file {path} is not TOML: {problem}.") from None
    unknown = sorted(set(content) - {setting.name for setting in SETTINGS})
    if unknown:
        raise ConfigurationError(f"The configuration file {path} has unknown settings: {', '.join(unknown)}.")
    for setting in SETTINGS:
        if setting.variable_only and setting.name in content:
            raise ConfigurationError(f"{setting.name} is taken from {setting.variable} only, not from {path}.")
    return {name: (value, str(path)) for name, value in content.items()}


def _parsed(setting: Setting, value: object, source: str) -> object:
    try:
        parsed = setting.parse(value)
    except ValueError as problem:
        where = setting.flag if source == "flag" else source
        raise ConfigurationError(f"{setting.name} {problem} (from {where}).") from None
    if source == "flag" and isinstance(parsed, DatabaseUrl) and parsed.has_password:
        raise ConfigurationError(
            "A password on the command line shows in process lists. Give the database in CLIENTRY_DATABASE or in the "
            "settings file, or its password in the file that PGPASSFILE names."
        )
    return parsed


def _refuse_contradictions(settings: Settings) -> None:
    if (settings.tls_cert is None) is not (settings.tls_key is None):
        raise ConfigurationError("tls_cert and tls_key go together: give both or neither.")
    if settings.behind_proxy and settings.public_url is None:
        raise ConfigurationError("behind_proxy needs public_url: what is seen from outside cannot be guessed.")
    if not is_loopback(settings.host) and settings.tls_cert is None and not settings.behind_proxy:
        raise ConfigurationError(
            f"Plain HTTP on {settings.host} would send client secrets over the network in clear. "
            "Give tls_cert and tls_key, or behind_proxy and public_url if a proxy terminates TLS."
        )
    if settings.cors_credentials and settings.cors_origins == ("*",):
        raise ConfigurationError("cors_credentials needs cors_origins: not every page may send credentials.")


def shown(settings: Settings) -> dict[str, object]:
    """Return the settings as values that JSON has; there is no secret among them."""
    return {name: msgspec.to_builtins(value, enc_hook=str) for name, value in structs.asdict(settings).items()}
