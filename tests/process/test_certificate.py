"""The certificate that is served is the one that is on disk, whole, without a restart."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from tests.support import certificates

from clientry.errors import ConfigurationError
from clientry.process.certificate import Certificate


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Give a certificate called "first", and its key."""
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificates.renew(chain, key, "first")
    return chain, key


def name(certificate: Certificate) -> str:
    """Return the name that a client is shown in a handshake."""
    server, client = (ssl.MemoryBIO(), ssl.MemoryBIO()), ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    ends = [
        certificate.context.wrap_bio(*server, server_side=True),
        client.wrap_bio(server[1], server[0]),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = ends[1].getpeercert(binary_form=True)
    assert shown is not None
    return next(one for one in ("first", "second") if one.encode() in shown)


def test_what_was_renewed_is_served_as_soon_as_it_is_seen(pair: tuple[Path, Path]) -> None:
    """A look at files that have not changed changes nothing; at new ones, the new pair is served."""
    certificate = Certificate(*pair)
    before = certificate.context
    certificate.renew()
    assert certificate.context is before
    certificates.renew(*pair, "second")
    certificate.renew()
    assert name(certificate) == "second"


@pytest.mark.parametrize("spoil", ["other key", "nonsense", "gone"])
def test_half_a_renewal_leaves_the_old_pair_as_it_was(pair: tuple[Path, Path], spoil: str) -> None:
    """Where the files do not fit together, or one is broken or away, the old pair is served on; the next good one is taken."""
    chain, key = pair
    certificate = Certificate(chain, key)
    good = key.read_bytes()
    if spoil == "other key":
        certificates.renew(chain.with_name("other.crt"), key, "second")
    elif spoil == "nonsense":
        chain.write_text("nonsense")
    else:
        key.unlink()
    for always in (False, True):
        certificate.renew(always=always)
        assert name(certificate) == "first"
    assert not key.exists() or spoil == "nonsense" or key.read_bytes() != good
    certificates.renew(chain, key, "second")
    certificate.renew()
    assert name(certificate) == "second"


def test_a_key_with_a_password_is_told_and_nobody_is_asked(pair: tuple[Path, Path]) -> None:
    """An encrypted key is refused with a sentence: a server has no terminal on which it could be asked for its password."""
    key = load_pem_private_key(pair[1].read_bytes(), None)
    encrypted = BestAvailableEncryption(b"hush")
    pair[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
    with pytest.raises(ConfigurationError, match="certificate and key"):
        Certificate(*pair)


def test_a_pair_that_cannot_be_served_from_the_start_is_told(pair: tuple[Path, Path]) -> None:
    """A start with a broken certificate fails, with a sentence that says which thing is broken."""
    pair[0].write_text("nonsense")
    with pytest.raises(ConfigurationError, match="certificate and key"):
        Certificate(*pair)
