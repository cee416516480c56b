"""Signing keys: JWS (RFC 7515) by hand, because a token is mostly its signature.

Only tokens of our own are ever read here, so a token's header must be, byte for byte, the header of one of our keys: there is
no algorithm to confuse, no `crit`, no `jku` and no `kid` to look up (RFC 8725 sections 3.1 and 3.10).
"""

import base64
import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct, structs

from clientry.randomness import Random
from clientry.records.access_token import TokenType

RSA_BITS: Final = 3072
MAX_TOKEN_BYTES: Final = 8192

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (NIST SP 800-186 section 3.2.1.3)."""
_HALF_ORDER: Final = _ORDER // 2
_ECDSA = ec.ECDSA(hashes.SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


class Algorithm(StrEnum):
    """How tokens are signed (RFC 7518 section 3.1)."""

    ES256 = "ES256"
    RS256 = "RS256"


class SealedKey(Struct, frozen=True):
    """A signing key as it is stored: the private part is encrypted.

    Attributes:
        kid: the RFC 7638 thumbprint.
        algorithm: what it signs with.
        sealed: nonce and AES-256-GCM ciphertext of the PKCS #8 form, bound to `context`.
        date_created: seconds since 1970-01-01T00:00:00Z.
        low_s: whether it has never made, and so never accepts, an ECDSA signature with a high s.
    """

    kid: str
    algorithm: Algorithm
    sealed: bytes
    date_created: int
    low_s: bool = False

    @property
    def context(self) -> str:
        """What `sealed` is bound to."""
        return f"{self.kid} low-s" if self.low_s else self.kid


class KeyEncryptionKey:
    """The key that the private keys in the database are encrypted under. Its bytes are in no repr."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, context: str, random: Random) -> bytes:
        """Encrypt, bound to a context that must be given again to open it."""
        nonce = random.bytes(12)
        return nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt.

        Raises:
            WrongKey: it was sealed under another key or for another context, or has been changed.
        """
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], context.encode())
        except InvalidTag:
            raise WrongKey from None


class WrongKey(Exception):
    """The key-encryption key does not open this signing key."""


class SigningKey:
    """One key pair. The private part is in no repr.

    An ECDSA signature (r, s) has a twin, (r, order - s), which anybody can write: a second spelling of its token. The one with the
    low s is made. A key that has never made another accepts no other; those of before made both, and accept both until they retire.
    So nothing rests on how a token is spelt: its name is its `jti`.
    """

    def __init__(
        self, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, date_created: int, *, low_s: bool = False
    ) -> None:
        self._private = private
        self._low_s = low_s
        self._public = private.public_key()
        self.algorithm = Algorithm.ES256 if isinstance(private, ec.EllipticCurvePrivateKey) else Algorithm.RS256
        self.date_created = date_created
        self.kid = thumbprint(self._public)
        self.public_jwk = {**_public_members(self._public), "use": "sig", "alg": self.algorithm.value, "kid": self.kid}
        self.header = self.header_of(TokenType.AT_JWT)

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, algorithm={self.algorithm.value})"

    def header_of(self, typ: TokenType) -> bytes:
        """Return the encoded header of the tokens of a type."""
        return b64(msgspec.json.encode({"typ": typ.value, "alg": self.algorithm.value, "kid": self.kid}))

    def sign(self, payload: bytes, header: bytes | None = None) -> str:
        """Return the JWS compact serialization of an access token with this payload, under `self.header` or another one."""
        signed = (header or self.header) + b"." + b64(payload)
        return (signed + b"." + b64(self._signature(signed))).decode()

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether this key made `signature` over `signed`."""
        try:
            if isinstance(self._public, rsa.RSAPublicKey):
                self._public.verify(signature, signed, _PKCS1, _SHA256)
            else:
                if len(signature) != 64:
                    return False
                r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
                if self._low_s and s > _HALF_ORDER:
                    return False
                self._public.verify(encode_dss_signature(r, s), signed, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def seal(self, kek: KeyEncryptionKey, random: Random) -> SealedKey:
        """Return the form that is stored."""
        private = self._private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        bare = SealedKey(self.kid, self.algorithm, b"", self.date_created, self._low_s)
        return structs.replace(bare, sealed=kek.seal(private, bare.context, random))

    def _signature(self, signed: bytes) -> bytes:
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(signed, _PKCS1, _SHA256)
        r, s = decode_dss_signature(self._private.sign(signed, _ECDSA))
        return r.to_bytes(32) + (s if s <= _HALF_ORDER else _ORDER - s).to_bytes(32)


def generate(algorithm: Algorithm, now: float, *, low_s: bool = False) -> SigningKey:
    """Make a new key pair; OpenSSL draws it from the operating system's generator.

    Args:
        algorithm: what it signs with.
        now: seconds since 1970-01-01T00:00:00Z.
        low_s: whether every program that will sign with it makes a low s, so that no other need be accepted.
    """
    if algorithm is Algorithm.ES256:
        return SigningKey(ec.generate_private_key(ec.SECP256R1()), int(now), low_s=low_s)
    return SigningKey(rsa.generate_private_key(65537, RSA_BITS), int(now))


def unseal(stored: SealedKey, kek: KeyEncryptionKey) -> SigningKey:
    """Return the key pair behind its stored form.

    Raises:
        WrongKey: the key-encryption key is another one.
    """
    private = serialization.load_der_private_key(kek.open(stored.sealed, stored.context), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise WrongKey
    return SigningKey(private, stored.date_created, low_s=stored.low_s)


class KeyRing:
    """Every key that tokens may be signed with, and the one that new tokens are.

    Args:
        keys: the keys.
        algorithm: of the one that signs: the newest of them.
        typ: what the headers of new tokens say.
    """

    def __init__(self, keys: Iterable[SigningKey], algorithm: Algorithm, typ: TokenType = TokenType.AT_JWT) -> None:
        self.keys = tuple(sorted(keys, key=lambda key: (key.date_created, key.kid)))
        self.current = next(key for key in reversed(self.keys) if key.algorithm is algorithm)
        self._header = self.current.header_of(typ)
        self._by_header = {key.header_of(accepted): key for key in self.keys for accepted in typ.accepted}
        # The key that signs comes first: some verifiers look for keys of the first one's kind only.
        published = sorted(self.keys, key=lambda key: key is not self.current)
        self.jwk_set = msgspec.json.encode({"keys": [key.public_jwk for key in published]})

    def sign(self, payload: bytes) -> str:
        """Return a new access token with this payload."""
        return self.current.sign(payload, self._header)

    def verify(self, token: str) -> bytes | None:
        """Return the payload of an access token that one of our keys signed, None for everything else.

        Canonical base64url only (RFC 7515 section 2: no padding; and no spare bits).
        """
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            return None
        parts = token.encode().split(b".", 3)
        if len(parts) != 3:
            return None
        key = self._by_header.get(parts[0])
        signature = unb64(parts[2])
        if key is None or signature is None or not key.verifies(parts[0] + b"." + parts[1], signature):
            return None
        return unb64(parts[1])


def b64(octets: bytes) -> bytes:
    """Write base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def unb64(text: bytes) -> bytes | None:
    """Read base64url in its one canonical spelling; None for every other."""
    try:
        octets = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return octets if b64(octets) == text else None


def thumbprint(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    """Return the JWK thumbprint of a key (RFC 7638 section 3), its `kid`."""
    return b64(hashlib.sha256(msgspec.json.encode(_public_members(public), order="sorted")).digest()).decode()


def _public_members(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> dict[str, str]:
    """Return the members of the JWK that its thumbprint is made of (RFC 7638 section 3.2)."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"e": _uint(numbers.e), "kty": "RSA", "n": _uint(numbers.n)}
    point = public.public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": _uint(point.x, 32), "y": _uint(point.y, 32)}


def _uint(number: int, length: int | None = None) -> str:
    return b64(number.to_bytes(length or (number.bit_length() + 7) // 8)).decode()
