"""Access tokens of an instance: the key that signs them, its public half for the gateway, and the tokens.

A real installation has an identity provider in this place; the gateway then reads that one's JWK Set.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from compose.cli import files, hints
from compose.cli.errors import Failure

ISSUER = "urn:nextphase:cli"
AUDIENCE = "urn:nextphase:api"
SCOPES = ("orders:read",)
"""The scopes of a token that is issued without others: what an account needs for its own orders."""
STOCK_SCOPE = "stock:write"
"""The scope of a token that may set the stock."""
CLIENT = "nextphase"
"""The `client_id` (RFC 9068) of tokens that are issued here."""
_ALGORITHM = "EdDSA"


def ensure(key_file: PurePath, jwks_file: PurePath) -> None:
    """Makes the signing key where it is missing; what is there is kept. The JWK Set (RFC 7517) follows it."""
    file = Path(key_file)
    try:
        pem = file.read_text()
    except FileNotFoundError:
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    files.write(file, pem, 0o600)
    files.write(Path(jwks_file), json.dumps({"keys": [_public(_read(pem))]}, indent=2) + "\n", 0o600)


def issue(key_file: Path, subject: str, scopes: Sequence[str], minutes: int) -> str:
    """A token for `subject` that allows `scopes` for `minutes` from now.

    Raises:
        Failure: there is no key yet.
    """
    try:
        key = _read(key_file.read_text())
    except FileNotFoundError as error:
        raise Failure(f"{key_file} is missing: {hints.set_up()} makes it") from error
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "client_id": CLIENT,
        "scope": " ".join(scopes),
        "iat": now,
        "exp": now + minutes * 60,
        "jti": str(uuid4()),
    }
    return jwt.encode(claims, key, _ALGORITHM, headers={"kid": _public(key)["kid"], "typ": "at+jwt"})


def bearer(key_file: Path, subject: str, scopes: Sequence[str], minutes: int) -> dict[str, str]:
    """The Authorization header with a token that `issue` gives; without scopes it allows SCOPES."""
    return {"Authorization": f"Bearer {issue(key_file, subject, scopes or SCOPES, minutes)}"}


def _read(pem: str) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure("the signing key is no Ed25519 key")
    return key


def _public(key: Ed25519PrivateKey) -> dict[str, Any]:
    """The public half as a JWK; its id is its thumbprint (RFC 7638)."""
    jwk = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    wanted = {name: jwk[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(wanted, sort_keys=True, separators=(",", ":")).encode()
    thumbprint = urlsafe_b64encode(sha256(canonical).digest()).rstrip(b"=").decode()
    return wanted | {"kid": thumbprint, "alg": _ALGORITHM, "use": "sig"}
