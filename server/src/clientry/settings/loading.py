"""Where settings come from: flags, `CLIENTRY_*`, or the TOML file, in this order. Only this wing reads the environment."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from clientry import files
from clientry.errors import ConfigurationError
from clientry.settings.database_url import DatabaseUrl
from clientry.settings.declared import SETTINGS, Settings
from clientry.settings.setting import Setting
from clientry.settings.strays import is_service_link, meant
from clientry.settings.token_size import refuse_too_large_tokens
from clientry.settings.urls import is_loopback


class Loaded(Struct, frozen=True):
    """Settings, and where each came from: `flag`, the variable, the file, or `default`."""

    settings: Settings
    sources: dict[str, str]


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
    refuse_too_large_tokens(settings)
    return Loaded(settings, sources)


def stray_variables(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return a sentence for each variable that looks like a setting and is none, and one for all that Kubernetes made."""
    env = os.environ if environment is None else environment
    known = [*(setting.variable for setting in SETTINGS), "CLIENTRY_CONFIG"]
    links = [name for name in sorted(env) if is_service_link(name, env[name])]
    unknown = [name for name in sorted(env) if name.startswith("CLIENTRY_") and name not in (*known, *links)]
    warnings = [f"{name} is no setting, and is ignored{meant(name, known)}." for name in unknown]
    if links:
        warnings.append(
            f"{', '.join(links)}: made by Kubernetes for a service of this name, and ignored. "
            "enableServiceLinks: false in the pod's spec keeps them away."
        )
    return tuple(warnings)


def _from_flags(flags: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    return {s.name: (flags[s.name], "flag") for s in SETTINGS if not s.variable_only and flags.get(s.name) is not None}


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    given = {s: env[s.variable] for s in SETTINGS if env.get(s.variable)}
    return {s.name: (value, s.variable) for s, value in given.items() if not is_service_link(s.variable, value)}


def _from_file(named: object, data: Path) -> dict[str, tuple[object, str]]:
    path = Path(str(named)) if named else data / "clientry.toml"
    try:
        if not named and not path.exists():
            return {}
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except PermissionError as problem:
        reason = files.whose(path) or files.whose(path.parent) or f"{path} cannot be read: {problem.strerror}"
        raise ConfigurationError(f"{reason}.") from None
    except OSError as problem:
        raise ConfigurationError(f"The configuration file {path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The configuration file {path} is not TOML: it is not in UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"The configuration file {path} is not TOML: {problem}.") from None
    known = [setting.name for setting in SETTINGS]
    unknown = ", ".join(name + meant(name, known) for name in sorted(set(content) - set(known)))
    if unknown:
        raise ConfigurationError(f"The configuration file {path} has unknown settings: {unknown}.")
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
