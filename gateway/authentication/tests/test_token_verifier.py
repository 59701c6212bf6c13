import asyncio
import base64
import hmac
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authentication.jwks import (
    ALGORITHMS,
    MIN_REFRESH_SECONDS,
    Jwks,
    KeysUnavailable,
    from_file,
    from_url,
    parse,
)
from gateway.authentication.tests.issuer import AUDIENCE, ISSUER, Key, good_claims, key_set
from gateway.authentication.token_verifier import MAX_REMEMBERED, TokenVerifier
from gateway.tests.services import Server, reply, saying
from observability.http.problem import Problem

KEYS = {name: Key.make(f"key-{name}", name) for name in ("EdDSA", "ES256", "RS256")}
KEY = KEYS["EdDSA"]
OTHER = Key.make(KEY.kid)


class Source:
    """A key set that can change, and how often it was read."""

    def __init__(self, *keys: Key) -> None:
        self.document = key_set(*keys)
        self.reads = 0
        self.now = 0.0

    async def read(self) -> bytes:
        self.reads += 1
        if not self.document:
            raise OSError("away")
        return self.document

    def keys(self) -> Jwks:
        return Jwks(self.read, clock=lambda: self.now)


def tokens(source: Source | None = None, leeway: float = 0, **options: Any) -> TokenVerifier:
    return TokenVerifier((source or Source(*KEYS.values())).keys(), ISSUER, AUDIENCE, leeway, **options)


async def refusal(verifier: TokenVerifier, text: str) -> Problem:
    with pytest.raises(Problem) as caught:
        await verifier.verify(text)
    return caught.value


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_good_token(algorithm: str) -> None:
    token = await tokens().verify(KEYS[algorithm].token())
    assert token.subject == good_claims()["sub"]
    assert token.scopes == {"orders:read", "stock:write"}


@pytest.mark.parametrize("changes", [{"aud": ["x", AUDIENCE]}, {"scope": None}, {"nbf": 0}])
async def test_what_else_is_good(changes: dict[str, Any]) -> None:
    assert (await tokens().verify(KEY.token(**changes))).subject


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
async def test_types_of_an_access_token(typ: str) -> None:
    assert await tokens().verify(KEY.token({"typ": typ}))


@pytest.mark.parametrize(
    "typ", [None, "", "JWT", "jwt", "dpop+jwt", "at+jwt ", "application/at+jwt;v=1", "x/at+jwt"]
)
async def test_a_token_of_another_type_is_refused(typ: str | None) -> None:
    """RFC 9068, 4. An ID token is signed by the same key, with `typ: JWT` or none, and may be for us."""
    problem = await refusal(tokens(), KEY.token({"typ": typ}, nonce="n-0S6_WzA2Mj"))
    assert (problem.status, "it is no access token" in problem.headers["WWW-Authenticate"]) == (401, True)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW - 1}, "it has expired"),
        ({"exp": None}, "a claim is missing"),
        ({"exp": "never"}, "its times are not numbers"),
        ({"exp": True}, "its times are not numbers"),
        ({"exp": 1e300}, "its times are not numbers"),
        ({"nbf": NOW + 3600}, "it is not valid yet"),
        ({"nbf": "x"}, "its times are not numbers"),
        ({"iss": "https://elsewhere.example"}, "it has another issuer"),
        ({"iss": None}, "a claim is missing"),
        ({"aud": "elsewhere"}, "it is for another audience"),
        ({"aud": None}, "a claim is missing"),
        ({"aud": []}, "a claim is missing"),
        ({"sub": None}, "a claim is missing"),
        ({"sub": ""}, "its subject cannot be used"),
        ({"sub": "a b"}, "its subject cannot be used"),
        ({"sub": "a\r\nX-Caller: rio"}, "its subject cannot be used"),
        ({"sub": "x" * 256}, "its subject cannot be used"),
        ({"scope": ["orders:read"]}, "its scopes cannot be used"),
        ({"scope": 'a"b'}, "its scopes cannot be used"),
        ({"scope": " ".join("x" * 100)}, "its scopes cannot be used"),
        ({"pad": "x" * 9000}, "it is too long"),
    ],
)
async def test_every_bad_claim(changes: dict[str, Any], reason: str) -> None:
    problem = await refusal(tokens(), KEY.token(**changes))
    assert (problem.status, problem.headers["WWW-Authenticate"]) == (
        401,
        f'Bearer realm="nextphase", error="invalid_token", error_description="{reason}"',
    )


def encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def unsigned(header: dict[str, Any]) -> str:
    parts = [encoded(json.dumps(part).encode()) for part in (header, good_claims())]
    return b".".join([*parts, b""]).decode()


def confused() -> str:
    """Signed by HMAC with the public key in the place of the secret."""
    key = KEYS["RS256"]
    secret = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = unsigned({"alg": "HS256", "kid": key.kid}).rstrip(".")
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256')).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        unsigned({"alg": "none", "kid": KEY.kid}),
        unsigned({"alg": "None", "kid": KEY.kid}),
        unsigned({"alg": "EdDSA", "kid": KEY.kid}),
        unsigned({"kid": KEY.kid}),
        confused(),
        OTHER.token(),
        KEY.token({"kid": KEYS["ES256"].kid}),
        KEY.token({"kid": "../../etc/passwd"}),
        KEY.token({"kid": ""}),
        KEY.token({"crit": ["exp"]}),
        *(unsigned({"alg": "EdDSA", "kid": KEY.kid, "typ": typ}) + "AA" for typ in (1, None, [], {}, True)),
        KEY.token({"jwk": OTHER.public(), "kid": "mine"}),
        KEY.token()[:-4] + "AAAA",
        KEY.token().rsplit(".", 1)[0],
        KEY.token() + ".x",
        "x",
        "..",
        "a.b.c",
        "é.é.é",
    ],
)
async def test_every_bad_token(text: str) -> None:
    assert (await refusal(tokens(), text)).status == 401


def joined(*parts: bytes) -> str:
    return b".".join(map(encoded, parts)).decode()


def signed(header: bytes, claims: bytes, key: Key = KEY) -> str:
    """A token of these very bytes, signed by the key."""
    text = joined(header, claims)
    return f"{text}.{encoded(key.private.sign(text.encode())).decode()}"


HEADER = json.dumps({"alg": "EdDSA", "kid": KEY.kid, "typ": "at+jwt"}).encode()
GOOD = json.dumps(good_claims()).encode()


def doubled(document: bytes, member: str) -> bytes:
    """A JSON object with a second member before the others."""
    return b"{" + member.encode() + b", " + document[1:]


async def test_the_bytes_of_a_good_token_are_good() -> None:
    assert await tokens().verify(signed(HEADER, GOOD))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (doubled(HEADER, '"alg": "none"'), GOOD),
        (doubled(HEADER, '"typ": "JWT"'), GOOD),
        (doubled(HEADER, '"x": {"a": 1, "a": 2}'), GOOD),
        (doubled(HEADER, '"crit": ["exp"]'), GOOD),
        (doubled(HEADER, '"crit": []'), GOOD),
        (doubled(HEADER, '"b64": false'), GOOD),
        (doubled(HEADER, '"b64": true'), GOOD),
        (b"\xef\xbb\xbf" + HEADER, GOOD),
        (HEADER.decode().encode("utf-16"), GOOD),
        (b"[" + HEADER + b"]", GOOD),
        (HEADER, doubled(GOOD, '"sub": "another"')),
        (HEADER, doubled(GOOD, '"exp": 99999999999')),
        (HEADER, doubled(GOOD, '"x": [{"a": 1, "a": 1}]')),
        (HEADER, doubled(GOOD, '"x": NaN')),
        (HEADER, doubled(GOOD, '"x": ' + "[" * 2000 + "]" * 2000)),
        (HEADER, b"[" + GOOD + b"]"),
        (HEADER, GOOD.decode().encode("utf-16")),
        (HEADER, signed(HEADER, GOOD).encode()),
    ],
    ids=itertools.count(),  # not what they are: claims have a time
)
async def test_what_can_be_read_in_two_ways_is_refused(header: bytes, claims: bytes) -> None:
    assert (await refusal(tokens(), signed(header, claims))).status == 401


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "change", ["{}=", "{}==", "={}", "{}!", "{}\n", " {}", "{}+", "{}/", "{}.", "\u00e9{}"]
)
async def test_base64url_is_strict(position: int, change: str) -> None:
    """RFC 7515, 2: no padding, line breaks or other characters; decoders that skip them see a good token."""
    parts = KEY.token().split(".")
    parts[position] = change.format(parts[position])
    assert (await refusal(tokens(), ".".join(parts))).status == 401


async def test_a_signature_has_one_spelling() -> None:
    """Four bits of the last character of a 64-byte signature mean nothing: they are 0 (RFC 4648, 3.5)."""
    text = KEY.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(text[-1])
    others = [text[:-1] + alphabet[last + number] for number in range(1, 16)]
    assert [(await refusal(tokens(), other)).status for other in others] == [401] * 15


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just([]) | st.just({})


def mostly(*good: str) -> st.SearchStrategy[Any]:
    """One of them three times out of four, so that what comes after is reached, too."""
    return st.integers(0, 3).flatmap(lambda chance: st.sampled_from(good) if chance else ANYTHING)


HEADERS = st.fixed_dictionaries(
    {
        "alg": mostly(*sorted(ALGORITHMS)),
        "kid": mostly(*(key.kid for key in KEYS.values())),
        "typ": mostly("at+jwt"),
    },
    optional={"crit": ANYTHING, "b64": ANYTHING},
).map(lambda header: json.dumps(header).encode())
CLAIMS = st.dictionaries(st.sampled_from(sorted(good_claims())), ANYTHING).map(
    lambda claims: json.dumps(good_claims() | claims).encode()
)
BYTES = st.binary(max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100) | st.lists(BYTES, max_size=4).map(lambda parts: joined(*parts)))
def test_no_token_breaks_it(text: str) -> None:
    assert asyncio.run(refusal(tokens(), text)).status == 401


@settings(max_examples=300, deadline=None)
@given(HEADERS, CLAIMS, BYTES)
def test_no_header_breaks_it(header: bytes, claims: bytes, signature: bytes) -> None:
    assert asyncio.run(refusal(tokens(), joined(header, claims, signature))).status == 401


@settings(max_examples=100, deadline=None)
@given(CLAIMS)
def test_no_claims_break_it(claims: bytes) -> None:
    """Not even of those who can sign."""
    try:
        token = asyncio.run(tokens().verify(signed(HEADER, claims)))
    except Problem as problem:
        assert problem.status == 401  # noqa: PT017 - either is good
    else:
        assert token.subject


async def test_leeway() -> None:
    assert await tokens(leeway=30).verify(KEY.token(exp=int(time.time()) - 5))


async def test_a_remembered_token_expires_all_the_same() -> None:
    now = time.time()
    verifier = tokens(clock=lambda: now)
    text = KEY.token(exp=int(now) + 10)
    await verifier.verify(text)
    assert text not in str(verifier._remembered)
    now += 20
    assert (await refusal(verifier, text)).status == 401


async def test_what_is_remembered_is_bounded() -> None:
    verifier = tokens()
    token = await verifier.verify(KEY.token())
    for number in range(MAX_REMEMBERED - 1):
        verifier._remembered[str(number).encode()] = token
    await verifier.verify(KEY.token(jti="x"))
    assert len(verifier._remembered) == MAX_REMEMBERED


async def test_rotation() -> None:
    source = Source(KEY)
    verifier = tokens(source)
    old = KEY.token()
    await verifier.verify(old)
    new = Key.make("new")
    source.document = key_set(new)
    assert (await refusal(verifier, new.token())).status == 401, "it was read a moment ago"
    source.now += MIN_REFRESH_SECONDS
    assert await verifier.verify(new.token())
    assert (await refusal(verifier, old)).status == 401, "remembered tokens of a removed key are forgotten"


async def test_a_remembered_token_of_a_removed_key_is_forgotten_in_time() -> None:
    source = Source(KEY)
    verifier = tokens(source)
    text = KEY.token()
    await verifier.verify(text)
    source.document = key_set(Key.make("new"))
    source.now += 301
    await verifier.verify(text)
    await asyncio.sleep(0.01)
    assert (await refusal(verifier, text)).status == 401


async def test_unknown_keys_cost_few_readings() -> None:
    source = Source(KEY)
    verifier = tokens(source)
    texts = [Key.make(f"unknown-{number}").token() for number in range(20)]
    await asyncio.gather(*(refusal(verifier, text) for text in texts))
    assert source.reads == 1


async def test_old_keys_are_read_again_beside_the_requests() -> None:
    source = Source(KEY)
    keys = source.keys()
    await keys.find(KEY.kid)
    source.now += 301
    assert await keys.find(KEY.kid)
    await asyncio.sleep(0.01)
    assert source.reads == 2


async def test_keys_that_cannot_be_read_stay_as_they_were() -> None:
    source = Source(KEY)
    verifier = tokens(source)
    await verifier.verify(KEY.token())
    source.document = b""
    source.now += 1000
    assert await verifier.verify(KEY.token(jti="x"))


async def test_without_keys_nobody_can_tell() -> None:
    source = Source()
    source.document = b""
    problem = await refusal(tokens(source), KEY.token())
    assert (problem.status, problem.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "!", "kid": "x"}]}',
        b" " * 300_000,
    ],
)
def test_what_is_no_key_set(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"key|Expecting|JSON|large"):
        parse(document)


async def test_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(key_set(KEY))
    assert await Jwks(from_file(file)).find(KEY.kid)


async def test_from_a_url() -> None:
    server = Server(saying(reply(500), reply(200, key_set(KEY))))
    async with server.running() as url:
        now = 0.0
        keys = Jwks(from_url(f"{url}/keys?v=1"), clock=lambda: now)
        with pytest.raises(KeysUnavailable):
            await keys.find(KEY.kid)
        now += MIN_REFRESH_SECONDS
        assert await keys.find(KEY.kid)
    assert [asked.target for asked in server.asked] == ["/keys?v=1"] * 2
