"""Settings: one table, three ways to give each, and no contradictions."""

import json
from pathlib import Path
from typing import Any

import pytest

from clientry.errors import ConfigurationError
from clientry.settings import SETTINGS, Setting, load, shown, stray_variables
from clientry.settings.database_url import parse

SOMETHING_ELSE: dict[str, tuple[str, Any]] = {
    "data": ("elsewhere", Path("elsewhere")),
    "database": ("postgresql://ada@db.example:6432/clientry", parse("postgresql://ada@db.example:6432/clientry")),
    "database_connections": ("20", 20),
    "database_wait": ("0", 0),
    "database_pooler": ("none", "none"),
    "workers": ("2", 2),
    "host": ("localhost", "localhost"),
    "port": ("0", 0),
    "public_url": ("https://auth.example.com/base/", "https://auth.example.com/base"),
    "tls_cert": ("a.crt", Path("a.crt")),
    "tls_key": ("a.key", Path("a.key")),
    "behind_proxy": ("true", True),
    "trusted_proxies": ("10.0.0.0/8,::1,::ffff:10.1.0.0/112", ("10.0.0.0/8", "::1/128", "10.1.0.0/16")),
    "pepper_file": ("p", Path("p")),
    "key_encryption_key_file": ("k", Path("k")),
    "credentials_file": ("c", Path("c")),
    "high_water_file": ("h", Path("h")),
    "owner_email": ("ada@example.com", "ada@example.com"),
    "account_name": ("Example Ltd", "Example Ltd"),
    "signing_algorithm": ("rs256", "RS256"),
    "token_type_header": ("jwt", "JWT"),
    "secret_prefix": ("acme_", "acme_"),
    "restore_window": ("60", 60),
    "products": ('[{"name": "A", "audience": "urn:a"}]', None),
    "cors_origins": ("https://a.example,https://b.example", ("https://a.example", "https://b.example")),
    "separate_audiences": ("true", True),
    "cors_credentials": ("true", True),
    "log_format": ("Json", "json"),
    "log_level": ("DEBUG", "debug"),
    "access_log": ("false", False),
    "header_timeout": ("3", 3),
    "body_timeout": ("4", 4),
    "keep_alive": ("5", 5),
    "max_connections": ("6", 6),
    "drain_delay": ("8", 8),
    "drain_timeout": ("7", 7),
}
OPEN_SETTINGS = [setting for setting in SETTINGS if not setting.variable_only]
COMPANIONS = {
    "tls_cert": {"tls_key": "k"},
    "tls_key": {"tls_cert": "c"},
    "behind_proxy": {"public_url": "https://a.example"},
    "cors_credentials": {"cors_origins": "https://a.example"},
}


def toml(path: Path, values: dict[str, object]) -> Path:
    path.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    return path


@pytest.mark.parametrize("setting", OPEN_SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_can_be_given_in_three_ways(setting: Setting, tmp_path: Path) -> None:
    """Flag, variable and TOML key each set it, say where it came from, and a flag beats a variable beats the file."""
    text, expected = SOMETHING_ELSE[setting.name]
    companions = COMPANIONS.get(setting.name, {})
    file = toml(tmp_path / "c.toml", {setting.name: text, **companions})
    ways: dict[str, dict[str, Any]] = {
        "flag": {"flags": {setting.name: text, **companions}, "environment": {}},
        setting.variable: {"flags": companions, "environment": {setting.variable: text}},
        str(file): {"flags": {"config": str(file)}, "environment": {}},
    }
    for source, given in ways.items():
        loaded = load(**given)
        assert loaded.sources[setting.name] == source
        if expected is not None:
            assert getattr(loaded.settings, setting.name) == expected
        assert getattr(loaded.settings, setting.name) != setting.default
    all_at_once = load({setting.name: text, "config": str(file)}, {setting.variable: "nonsense \0"})
    assert all_at_once.sources[setting.name] == "flag"


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.variable_only])
def test_a_secret_setting_is_taken_from_its_variable_only(name: str, tmp_path: Path) -> None:
    """A key is read from its variable, shown nowhere, ignored as a flag and refused in the file."""
    loaded = load({}, {f"CLIENTRY_{name.upper()}": "ab" * 32})
    assert getattr(loaded.settings, name).text == "ab" * 32
    assert "abab" not in repr(loaded) + json.dumps(shown(loaded.settings))
    assert getattr(load({name: "ab" * 32}, {}).settings, name) is None
    with pytest.raises(ConfigurationError, match="only"):
        load({"config": str(toml(tmp_path / "c.toml", {name: "ab" * 32}))}, {})


@pytest.mark.parametrize("hidden", ["ada:hush@db.example/c", "ada@db.example/c?password=hush"])
def test_the_password_of_a_database_is_hidden_and_never_a_flag(hidden: str) -> None:
    """A database URL with a password is taken from the environment, shown without it, and refused on the command line."""
    url = f"postgresql://{hidden}"
    loaded = load({}, {"CLIENTRY_DATABASE": url})
    assert loaded.settings.database_url.text == url
    assert "hush" not in repr(loaded) + json.dumps(shown(loaded.settings))
    with pytest.raises(ConfigurationError, match="process lists") as refused:
        load({"database": url}, {})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["mysql://a/b", "sqlite:", "sqlite://x", "postgresql:x", "postgresql://a:x/b", "clientry.db"]
)
def test_what_is_no_database_is_told(text: str) -> None:
    """Something else than the URLs of the two engines is refused with what is meant."""
    with pytest.raises(ConfigurationError, match="database must"):
        load({}, {"CLIENTRY_DATABASE": text})


def test_the_hosts_of_a_database_are_all_asked() -> None:
    """Several hosts in one URL are told apart, IPv6 and default ports included."""
    url = parse("postgresql://ada@a.example:5001,[::1]:5002,c.example/clientry?target_session_attrs=read-write")
    assert url.hosts == (("a.example", 5001), ("::1", 5002), ("c.example", 5432))
    assert parse("postgresql:///clientry").hosts == (None,)


def test_without_anything_there_are_defaults() -> None:
    """Nothing needs to be given, and every default says that it is one."""
    loaded = load({}, {})
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.settings.port == 8080
    assert [product.name for product in loaded.settings.products] == ["SuperSIM", "ProgrammableWireless"]


def test_the_file_of_the_data_directory_is_read(tmp_path: Path) -> None:
    """`clientry.toml` in the data directory counts without being named, products as tables."""
    (tmp_path / "clientry.toml").write_text('port = 9\n[[products]]\nname = "A"\naudience = "urn:a"\n')
    loaded = load({"data": str(tmp_path)}, {})
    assert loaded.settings.port == 9
    assert loaded.settings.products[0].audience == "urn:a"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"port": "65536"}, r"port must be a whole number from 0 to 65535 \(from --port\)"),
        ({"port": "1.5"}, "port must be"),
        ({"port": "\u0661"}, "port must be"),
        ({"public_url": "ftp://a.example"}, "public_url must be"),
        ({"public_url": "https://a.example/?x"}, "public_url must be"),
        ({"public_url": "https://u:p@a.example"}, "public_url must be"),
        ({"public_url": "http://a.example"}, "must be https"),
        ({"public_url": "https://a.example/a/../b"}, r"no \. and \.\."),
        ({"public_url": "https://a.example/a/%2e%2E"}, r"no \. and \.\."),
        ({"public_url": "https://a.example//b"}, "without empty parts"),
        ({"public_url": "https://a.example/a b"}, "percent-encoded"),
        ({"public_url": "https://a.example/%zz"}, "percent-encoded"),
        ({"public_url": "https://a.example?"}, "public_url must be"),
        ({"public_url": "https://a.example/#"}, "percent-encoded"),
        ({"public_url": "https://@a.example"}, "neither a name"),
        ({"public_url": "https://"}, "neither a name"),
        ({"public_url": "https://a.example:0"}, "port from 1 to 65535"),
        ({"public_url": "https://a.example:65536"}, "port from 1 to 65535"),
        ({"public_url": "https://k\u00f6ln.example"}, "neither a name in ASCII"),
        ({"public_url": "https://a..example"}, "neither a name"),
        ({"public_url": "https://a.example."}, "neither a name"),
        ({"public_url": "https://127.1"}, "neither a name"),
        ({"public_url": "https://[fe80::1%25eth0]"}, "neither a name"),
        ({"public_url": "https://a.example\n"}, "public_url must be"),
        ({"secret_prefix": "a b"}, "secret_prefix must be"),
        ({"trusted_proxies": "example.com"}, "trusted_proxies must be networks"),
        ({"cors_origins": "*,https://a.example"}, "cors_origins must be"),
        ({"cors_origins": "example.com"}, "cors_origins must be"),
        ({"cors_origins": "https://a.example/page"}, "without a path"),
        ({"products": '[{"name": "a b", "audience": "x"}]'}, "products must"),
        ({"products": '[{"name": "clients:read", "audience": "x"}]'}, "products must"),
        ({"products": '[{"name": "A", "audience": "x"}, {"name": "A", "audience": "y"}]'}, "name twice"),
        ({"products": "nonsense"}, "products must be a list"),
        ({"behind_proxy": "perhaps"}, "behind_proxy must be true or false"),
        ({"owner_email": "nobody"}, "owner_email must be an e-mail address"),
        ({"log_level": "loud"}, "log_level must be debug, info, warning, error"),
        ({"signing_algorithm": "HS256"}, "signing_algorithm must be ES256, RS256"),
        ({"tls_cert": "a"}, "go together"),
        ({"behind_proxy": "true"}, "behind_proxy needs public_url"),
        ({"host": "0.0.0.0"}, "in clear"),
        ({"host": "::"}, "in clear"),
        ({"host": "example.com"}, "in clear"),
        ({"cors_credentials": "true"}, "cors_credentials needs cors_origins"),
        ({"config": "/nowhere/c.toml"}, "cannot be read"),
    ],
)
def test_t24_s07_what_cannot_be_meant_is_refused(flags: dict[str, str], message: str) -> None:
    """A bad value names its setting, what it must be and where it came from; contradictions are refused."""
    with pytest.raises(ConfigurationError, match=message):
        load(flags, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "[::1]", "LocalHost"])
def test_t24_plain_http_is_for_loopback_only(host: str) -> None:
    """Loopback hosts need no TLS; others may have it, or a proxy."""
    assert load({"host": host}, {}).settings.host == host.strip("[]").lower()
    assert load({"host": "0.0.0.0", "tls_cert": "c", "tls_key": "k"}, {}).settings.tls_cert == Path("c")
    assert load({"host": "0.0.0.0", "behind_proxy": True, "public_url": "https://a.example"}, {}).settings.behind_proxy


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("HTTPS://Auth.Example.COM:443/", "https://auth.example.com"),
        ("https://auth.example.com:8443", "https://auth.example.com:8443"),
        ("https://auth.example.com:00443/a/", "https://auth.example.com/a"),
        ("https://auth.example.com:", "https://auth.example.com"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("https://[2001:DB8:0::1]:443", "https://[2001:db8::1]"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://192.0.2.7/x", "https://192.0.2.7/x"),
        ("https://a.example/%7euser/%c3%b6/A", "https://a.example/~user/%C3%B6/A"),
    ],
)
def test_m01_an_issuer_has_one_spelling(given: str, normal: str) -> None:
    """Resource servers compare the issuer byte for byte: whatever is the same URL becomes the same text (RFC 3986 6.2.2)."""
    assert load({"public_url": given}, {}).settings.public_url == normal


def test_origins_are_spelt_as_browsers_spell_them() -> None:
    """What an Origin header never has is taken away, else the page would be refused for ever."""
    given = "HTTPS://App.Example.com:443/,http://localhost:3000"
    assert load({"cors_origins": given}, {}).settings.cors_origins == (
        "https://app.example.com",
        "http://localhost:3000",
    )


KUBERNETES = {
    "CLIENTRY_SERVICE_HOST": "10.96.7.21",
    "CLIENTRY_SERVICE_PORT": "8080",
    "CLIENTRY_SERVICE_PORT_HTTP": "8080",
    "CLIENTRY_PORT": "tcp://10.96.7.21:8080",
    "CLIENTRY_PORT_8080_TCP": "tcp://10.96.7.21:8080",
    "CLIENTRY_PORT_8080_TCP_PROTO": "tcp",
    "CLIENTRY_PORT_8080_TCP_PORT": "8080",
    "CLIENTRY_PORT_8080_TCP_ADDR": "10.96.7.21",
    "CLIENTRY_DATABASE_PORT": "tcp://10.96.7.22:5432",
    "CLIENTRY_DATABASE_SERVICE_HOST": "10.96.7.22",
}


def test_what_kubernetes_makes_for_a_service_of_our_name_is_no_setting() -> None:
    """None of its variables changes a setting, and one sentence names them all; a port that somebody set still counts."""
    assert set(load({}, KUBERNETES).sources.values()) == {"default"}
    (warning,) = stray_variables(KUBERNETES)
    assert all(name in warning for name in KUBERNETES)
    assert "10.96" not in warning
    assert load({}, {**KUBERNETES, "CLIENTRY_PORT": "9"}).settings.port == 9
    with pytest.raises(ConfigurationError, match="port must be"):
        load({}, {"CLIENTRY_PORT": "http://10.96.7.21"})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CLIENTRY_PUBLIC_ULR", "(did you mean CLIENTRY_PUBLIC_URL?)"),
        ("CLIENTRY_LOGLEVEL", "(did you mean CLIENTRY_LOG_LEVEL?)"),
        ("CLIENTRY_HTTP_PORT", "CLIENTRY_HTTP_PORT is no setting, and is ignored"),
        ("CLIENTRY_XYZZY", "CLIENTRY_XYZZY is no setting, and is ignored."),
    ],
)
def test_a_misspelt_variable_is_told_with_the_nearest_name(name: str, told: str) -> None:
    """A variable that is no setting is named, without its value; every real one is not."""
    (warning,) = stray_variables({name: "hush", "PATH": "/bin"})
    assert told in warning
    assert "hush" not in warning
    assert stray_variables({"CLIENTRY_CONFIG": "x", **{setting.variable: "1" for setting in SETTINGS}}) == ()


@pytest.mark.parametrize("name", ["data", "database"])
def test_a_path_in_a_home_that_there_is_not_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """~ means nothing to a user whom the system does not know, as in many containers: that is a sentence."""
    monkeypatch.setattr("os.path.expanduser", str)  # what it does where there is no home
    with pytest.raises(ConfigurationError, match="no home directory"):
        load({}, {f"CLIENTRY_{name.upper()}": "~/x" if name == "data" else "sqlite:~/x"})


def test_a_byte_order_mark_before_the_file_is_skipped(tmp_path: Path) -> None:
    """A file that a Windows editor wrote is read; one in UTF-16 is told."""
    (tmp_path / "clientry.toml").write_bytes(b"\xef\xbb\xbfport = 9\r\n")
    assert load({"data": str(tmp_path)}, {}).settings.port == 9
    (tmp_path / "clientry.toml").write_text("port = 9", encoding="utf-16")
    with pytest.raises(ConfigurationError, match="not in UTF-8"):
        load({"data": str(tmp_path)}, {})


def test_a_file_with_unknown_names_or_no_toml_is_refused(tmp_path: Path) -> None:
    """A mistyped setting in the file is an error that names it."""
    with pytest.raises(ConfigurationError, match=r"unknown settings: prot \(did you mean port\?\)"):
        load({"config": str(toml(tmp_path / "a.toml", {"prot": 1}))}, {})
    (tmp_path / "b.toml").write_text("port 1")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load({"config": str(tmp_path / "b.toml")}, {})
