"""The issuer of the tests' tokens."""

import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "nextphase"
#: Of good tokens.
SUBJECT = "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90"


@dataclass(frozen=True)
class Key:
    """A private key with its id."""

    kid: str
    algorithm: str
    private: Any

    @classmethod
    def make(cls, kid: str, algorithm: str = "EdDSA") -> "Key":
        made = {
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
        }[algorithm]()
        return cls(kid, algorithm, made)

    def public(self) -> dict[str, Any]:
        """As it stands in a JWK Set."""
        to_jwk = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm, "RS256": RSAAlgorithm}[self.algorithm].to_jwk
        made = json.loads(to_jwk(self.private.public_key()))
        return made | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A good token with changes; a header's parameter or a claim that is None is left out."""
        claims = good_claims() | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            claims, self.private, self.algorithm, headers={"kid": self.kid, "typ": "at+jwt"} | (header or {})
        )


def good_claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "scope": "orders:read stock:write",
        "iat": now,
        "exp": now + 86_400,  # some are made when their module is read: a run takes long
    }


def key_set(*keys: Key) -> bytes:
    """The JWK Set document."""
    return json.dumps({"keys": [key.public() for key in keys]}).encode()
