"""Signing keys against published vectors, two JOSE libraries that we did not write, and every way to bend a token."""

import base64
import copy
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet
from msgspec import structs
from tests.support.signing import P256_ORDER, twin

from clientry.randomness import SystemRandom
from clientry.records.access_token import TokenType
from clientry.records.signing_key import (
    MAX_TOKEN_BYTES,
    Algorithm,
    KeyEncryptionKey,
    KeyRing,
    SigningKey,
    WrongKey,
    b64,
    generate,
    thumbprint,
    unb64,
    unseal,
)

VECTORS = Path(__file__).parent / "rfc"
PAYLOAD = b'{"sub":"apiclient_x","iat":1,"exp":4102444800}'


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text())


def number(text: str) -> int:
    octets = unb64(text.encode())
    assert octets is not None
    return int.from_bytes(octets)


@pytest.fixture(scope="module", params=list(Algorithm))
def key(request: pytest.FixtureRequest) -> SigningKey:
    return generate(request.param, 1_700_000_000)


def test_es256_accepts_the_published_signature() -> None:
    """RFC 7515 appendix A.3 verifies, and not with any bit of it changed."""
    published = vector("rfc7515_a3.json")
    key = SigningKey(ec.derive_private_key(number(published["d"]), ec.SECP256R1()), 0)
    assert (key.public_jwk["x"], key.public_jwk["y"]) == (published["x"], published["y"])
    signature = unb64(published["signature"].encode())
    assert signature is not None
    assert key.verifies(published["signing_input"].encode(), signature)
    assert not key.verifies(published["signing_input"].encode(), signature[:-1] + bytes([signature[-1] ^ 1]))


def test_k01_kid_is_the_published_thumbprint() -> None:
    """The thumbprint of the key of RFC 7638 section 3.1 is the one printed there."""
    published = vector("rfc7638_3_1.json")
    public = rsa.RSAPublicNumbers(number(published["e"]), number(published["n"])).public_key()
    assert thumbprint(public) == published["thumbprint"]


def test_two_libraries_read_our_tokens(key: SigningKey) -> None:
    """PyJWT and joserfc verify a token from the JWK Set alone, and see the header that RFC 9068 wants."""
    ring = KeyRing([key], key.algorithm)
    token = key.sign(PAYLOAD)
    jwk_set = json.loads(ring.jwk_set)
    assert jwt.decode(token, jwt.PyJWKSet.from_dict(jwk_set)[key.kid], algorithms=[key.algorithm.value])["iat"] == 1
    opened = jws.deserialize_compact(token, KeySet.import_key_set(jwk_set), algorithms=[key.algorithm.value])
    assert opened.payload == PAYLOAD
    assert opened.headers() == {"typ": "at+jwt", "alg": key.algorithm.value, "kid": key.kid}
    assert ring.verify(token) == PAYLOAD


def test_k01_the_jwk_set_has_public_members_only(key: SigningKey) -> None:
    """No member of a private or symmetric key is published."""
    published = json.loads(KeyRing([key], key.algorithm).jwk_set)["keys"][0]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & set(published)
    assert published["use"] == "sig"
    assert published["alg"] == key.algorithm.value


@given(st.data())
def test_cve_2026_27840_no_part_or_extension_of_a_token_is_a_token(data: st.DataObject) -> None:
    """Every proper prefix and suffix of a good token, every extension and every changed character is refused."""
    token = KEY.sign(PAYLOAD)
    cut = data.draw(st.integers(1, len(token) - 1))
    extra = data.draw(st.text("ABab01-_.= +/\n", min_size=1, max_size=5))
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabc012-_.=").filter(lambda character: character != token[place]))
    bent = [token[:cut], token[cut:], token + extra, extra + token, token[:place] + other + token[place + 1 :]]
    assert [RING.verify(text) for text in bent] == [None] * 5
    assert RING.verify(token) == PAYLOAD


KEY = generate(Algorithm.ES256, 0)
RING = KeyRing([KEY], Algorithm.ES256)


def forged(header: dict[str, object], payload: bytes = PAYLOAD, secret: bytes | None = None) -> str:
    """Return a token with this header, signed over exactly that header: by HMAC if there is a secret, else by our own key."""
    head = b64(json.dumps(header, separators=(",", ":")).encode())
    if secret is not None:
        signed = head + b"." + b64(payload)
        return (signed + b"." + b64(hmac.digest(secret, signed, hashlib.sha256))).decode()
    key = copy.copy(KEY)
    key.header = head
    return key.sign(payload)


def test_a_token_forged_with_our_own_header_is_good() -> None:
    """So whatever other header is refused below is refused for what it says, and not for its signature."""
    assert RING.verify(forged({"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid})) == PAYLOAD


@pytest.mark.parametrize("secret", [RING.jwk_set, json.dumps(KEY.public_jwk).encode(), b"", b" "])
def test_w01_hmac_with_a_public_key_is_refused(secret: bytes) -> None:
    """HS256 over our published key in several spellings, or over nothing, is no signature (CVE-2022-29217 and its kin)."""
    assert RING.verify(forged({"typ": "at+jwt", "alg": "HS256", "kid": KEY.kid}, secret=secret)) is None


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt", "alg": "none", "kid": KEY.kid},
        {"typ": "at+jwt", "alg": "es256", "kid": KEY.kid},
        {"typ": "at+jwt", "alg": "RS256", "kid": KEY.kid},
        {"typ": "JWT", "alg": "ES256", "kid": KEY.kid},
        {"typ": "dpop+jwt", "alg": "ES256", "kid": KEY.kid},
        {"alg": "ES256", "kid": KEY.kid},
        {"typ": "at+jwt", "alg": "ES256", "kid": "../../../dev/null"},
        {"typ": "at+jwt", "alg": "ES256", "kid": "' OR 1=1 --"},
        {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid},
        {"typ": "AT+JWT", "alg": "ES256", "kid": KEY.kid},
        {"typ": "application/at+jwt", "alg": "ES256", "kid": KEY.kid},
        {"typ": "at+jwt", "alg": "ES256"},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "crit": ["x"], "x": 1},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "crit": []},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "b64": False},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "jwk": KEY.public_jwk},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "x5u": "http://127.0.0.1/"},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "cty": "JWT"},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "jku": "http://127.0.0.1/"},
        {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid, "zip": "DEF"},
        {"typ": "at+jwt", "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "kid": KEY.kid, "p2c": 10**9},
    ],
)
def test_j06_w01_w03_w05_any_other_header_is_refused(header: dict[str, object]) -> None:
    """A token whose header is not byte for byte one of ours is refused, although our own key signed that very header."""
    assert RING.verify(forged(header)) is None


def test_w02_json_serialization_and_other_shapes_are_refused() -> None:
    """Only three non-empty segments are read; a million dots and a huge segment cost nothing."""
    header, payload, signature = KEY.sign(PAYLOAD).split(".")
    as_json = json.dumps({"payload": payload, "protected": header, "signature": signature})
    shapes = [as_json, "", ".", "..", "." * 1_000_000, f"{header}.{payload}", f"{header}..{signature}", "A" * 1_000_000]
    assert [RING.verify(shape) for shape in shapes] == [None] * len(shapes)
    assert len(KEY.sign(PAYLOAD)) < MAX_TOKEN_BYTES


def test_w04_only_low_s_is_made_and_a_key_that_never_made_another_accepts_no_other() -> None:
    """A key of before made both, and accepts both; either way what it makes now is low."""
    strict, lenient = generate(Algorithm.ES256, 0, low_s=True), generate(Algorithm.ES256, 0)
    for key, others in ((strict, None), (lenient, PAYLOAD)):
        ring = KeyRing([key], Algorithm.ES256)
        for _ in range(20):
            token = key.sign(PAYLOAD)
            octets = unb64(token.rpartition(".")[2].encode())
            assert octets is not None
            assert int.from_bytes(octets[32:]) <= P256_ORDER // 2
            assert ring.verify(token) == PAYLOAD
            assert ring.verify(twin(token)) == others


def test_k05_whether_a_key_accepts_high_s_cannot_be_changed_in_the_database() -> None:
    """The mark is sealed with the key: one that was flipped does not open."""
    kek = KeyEncryptionKey(bytes(32))
    for low_s in (True, False):
        sealed = generate(Algorithm.ES256, 0, low_s=low_s).seal(kek, SystemRandom())
        assert sealed.low_s is low_s
        assert unseal(sealed, kek).kid == sealed.kid
        with pytest.raises(WrongKey):
            unseal(structs.replace(sealed, low_s=not low_s), kek)


def test_w04_padded_and_spare_bit_signatures_are_refused() -> None:
    """Neither padding nor unused bits of base64url make a second spelling of a token."""
    token = KEY.sign(PAYLOAD)
    respelled = [token[:-1] + chr(ord(token[-1]) + 1), token + "=", token + "=="]
    assert base64.urlsafe_b64decode(respelled[0].rsplit(".", 1)[1] + "==")
    assert [RING.verify(text) for text in respelled] == [None] * 3


def test_k05_sealed_keys_open_only_under_their_key_encryption_key() -> None:
    """A stored key opens under its key-encryption key and for its own kid, and never shows in a repr."""
    kek = KeyEncryptionKey(bytes(32))
    sealed = KEY.seal(kek, SystemRandom())
    assert unseal(sealed, kek).kid == KEY.kid
    with pytest.raises(WrongKey):
        unseal(sealed, KeyEncryptionKey(b"\1" * 32))
    with pytest.raises(WrongKey):
        kek.open(sealed.sealed, "another kid")
    assert repr(KEY) == f"SigningKey(kid='{KEY.kid}', algorithm=ES256)"


def test_a_ring_signs_with_the_newest_key_of_its_algorithm_and_reads_all() -> None:
    """After a change of algorithm or key, tokens of every key in the ring stay good."""
    older, newer, other = generate(Algorithm.ES256, 1), generate(Algorithm.ES256, 2), generate(Algorithm.RS256, 3)
    ring = KeyRing([newer, other, older], Algorithm.ES256)
    assert ring.current is newer
    assert [key["kid"] for key in json.loads(ring.jwk_set)["keys"]] == [newer.kid, older.kid, other.kid]
    assert [ring.verify(key.sign(PAYLOAD)) for key in (older, newer, other)] == [PAYLOAD] * 3


@pytest.mark.parametrize("typ", TokenType)
def test_what_a_ring_accepts_beside_what_it_signs(typ: TokenType) -> None:
    """A ring reads what it signs and what RFC 9068 asks for; the plain type only where it is the one that is chosen."""
    ring = KeyRing([KEY], Algorithm.ES256, typ)
    token = ring.sign(PAYLOAD)
    assert jwt.get_unverified_header(token) == {"typ": typ.value, "alg": "ES256", "kid": KEY.kid}
    assert ring.verify(token) == ring.verify(KEY.sign(PAYLOAD)) == PAYLOAD
    assert ring.verify(KEY.sign(PAYLOAD, KEY.header_of(TokenType.JWT))) == (PAYLOAD if typ is TokenType.JWT else None)
