"""Access tokens: JWTs (RFC 7519, RFC 9068) that a known key signed, for this audience, at this time."""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import jwt

from gateway.aggregation import json_document
from gateway.authentication.jwks import ALGORITHMS, Jwks, KeysUnavailable, from_file, from_url
from gateway.config.settings import AuthSettings
from gateway.problems import unauthorized
from observability.http.problem import Problem

MAX_TOKEN_BYTES = 8 * 1024
#: Verified tokens that are remembered; the one used longest ago goes first.
MAX_REMEMBERED = 4096
#: What can stand in a header that services read; RFC 6749, 3.3 has the same for scopes.
_SUBJECT = re.compile(r"[!-~]{1,255}")
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
MAX_SCOPES = 64
#: RFC 7515, 3.1 and 2: header, payload and signature in base64url without padding.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
#: `typ` of an access token (RFC 9068, 4): what names another type or none, such as an ID token, is none.
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
#: Header parameters that change how a token is read (RFC 7515, 4.1.11; RFC 7797): none is understood here.
_NOT_UNDERSTOOD = frozenset({"crit", "b64"})


@dataclass(frozen=True, slots=True)
class Token:
    """The claims of a verified token. `expires` is in seconds since 1970, leeway included."""

    subject: str
    scopes: frozenset[str]
    claims: Mapping[str, Any]
    expires: float


class NotAnAccessTokenError(jwt.InvalidTokenError):
    """The token is of another type, or says none."""


class TokenVerifier:
    """Verifies tokens, and remembers those that were good until they expire or the keys change.

    Parameters:
        issuer: the `iss` a token must have.
        audience: must be (among) its `aud`.
        leeway_seconds: by how much clocks may differ.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        keys: Jwks,
        issuer: str,
        audience: str,
        leeway_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway_seconds
        self._clock = clock
        self._remembered: OrderedDict[bytes, Token] = OrderedDict()
        keys.changed = self._remembered.clear

    async def verify(self, text: str) -> Token:
        """Verify a token, and return its claims.

        Raises:
            Problem: 401, it is not good; 503, there are no keys to verify it with.
        """
        if len(text) > MAX_TOKEN_BYTES:
            raise unauthorized("invalid_token", "it is too long")
        digest = blake2b(text.encode("latin-1", "replace"), digest_size=32).digest()
        token = self._remembered.get(digest)
        if token is not None and token.expires > self._clock():
            self._remembered.move_to_end(digest)
            self._keys.keep_fresh()
            return token
        token = await self._read(text)
        self._remembered[digest] = token
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return token

    async def _read(self, text: str) -> Token:
        try:
            key = await self._key(_header(text))
            claims = jwt.decode(
                text,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                # Times are judged below, by this object's clock.
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise unauthorized("invalid_token", _reason(error)) from error
        except KeysUnavailable as error:
            detail = "The keys that access tokens are verified with are not at hand."
            raise Problem(503, detail=detail, headers={"Retry-After": "5"}) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise unauthorized("invalid_token", "it cannot be read") from error
        return self._judge(claims)

    async def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        kind = header.get("typ")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise NotAnAccessTokenError
        if not _NOT_UNDERSTOOD.isdisjoint(header):
            raise jwt.InvalidTokenError
        key = await self._keys.find(kid) if isinstance(kid, str) else None
        if key is None:
            raise jwt.InvalidKeyError
        if key.algorithm_name != algorithm:
            raise jwt.InvalidAlgorithmError
        return key

    def _judge(self, claims: dict[str, Any]) -> Token:
        now = self._clock()
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if not (_is_time(expires) and _is_time(begins)):
            raise unauthorized("invalid_token", "its times are not numbers")
        if now >= expires + self._leeway:
            raise unauthorized("invalid_token", "it has expired")
        if now < begins - self._leeway:
            raise unauthorized("invalid_token", "it is not valid yet")
        subject, scopes = claims["sub"], claims.get("scope", "")
        if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
            raise unauthorized("invalid_token", "its subject cannot be used")
        names = scopes.split(" ") if isinstance(scopes, str) and scopes else []
        if not isinstance(scopes, str) or len(names) > MAX_SCOPES or not all(map(_SCOPE.fullmatch, names)):
            raise unauthorized("invalid_token", "its scopes cannot be used")
        return Token(subject, frozenset(names), claims, expires + self._leeway)


def verifier_of(auth: AuthSettings | None) -> TokenVerifier | None:
    """The verifier that the settings describe; None where no issuer is configured."""
    if auth is None:
        return None
    read = from_url(str(auth.jwks_url)) if auth.jwks_url else from_file(cast(Path, auth.jwks_file))
    return TokenVerifier(Jwks(read), auth.issuer, auth.audience, auth.leeway_seconds)


def _header(text: str) -> dict[str, Any]:
    """The header of a token, once nothing in how the token is written lets two readers read two things.

    PyJWT skips padding and foreign characters, and takes the last of two members of one name.

    Raises:
        ValueError: the token is no JWS in compact serialization, or a member stands twice in it.
    """
    found = _COMPACT.fullmatch(text)
    if found is None:
        raise ValueError("no compact serialization")
    header, claims = json_document.read(_decoded(found[1])), json_document.read(_decoded(found[2]))
    _decoded(found[3])
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TypeError("header or claims are no object")
    return header


def _decoded(segment: str) -> bytes:
    """The bytes of base64url without padding, in the one way in which they can be written (RFC 4648, 3.5)."""
    found = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if urlsafe_b64encode(found).rstrip(b"=").decode() != segment:
        raise ValueError("no canonical base64url")
    return found


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


#: What is said of an error; nothing of the token is.
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (NotAnAccessTokenError, "it is no access token"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.InvalidIssuerError, "it has another issuer"),
    (jwt.MissingRequiredClaimError, "a claim is missing"),
    (jwt.InvalidAlgorithmError, "its algorithm is not accepted"),
    (jwt.InvalidKeyError, "its key is not known"),
)


def _reason(error: jwt.PyJWTError) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "it cannot be read")
