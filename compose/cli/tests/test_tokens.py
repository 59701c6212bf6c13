"""The key that signs access tokens, and the tokens; read as the gateway reads them."""

import json
from pathlib import Path

import jwt
import pytest
import yaml

from compose.cli import tokens
from compose.cli.errors import Failure

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    tokens.ensure(tmp_path / "tokens.pem", tmp_path / "jwks.json")
    return tmp_path / "tokens.pem"


def test_a_key_is_made_once_and_closed_to_others(key: Path) -> None:
    made = key.read_text()
    tokens.ensure(key, key.with_name("jwks.json"))
    assert key.read_text() == made
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_key_set_has_no_private_part(key: Path) -> None:
    [public] = json.loads(key.with_name("jwks.json").read_text())["keys"]
    assert public.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


def test_a_token_is_good(key: Path) -> None:
    text = tokens.issue(key, "ada", ["orders:read", "stock:write"], 5)
    header = jwt.get_unverified_header(text)
    keys = jwt.PyJWKSet.from_json(key.with_name("jwks.json").read_text())
    claims = jwt.decode(text, keys[header["kid"]], ["EdDSA"], audience=tokens.AUDIENCE, issuer=tokens.ISSUER)
    assert (claims["sub"], claims["scope"]) == ("ada", "orders:read stock:write")
    assert claims["exp"] - claims["iat"] == 300


@pytest.mark.example
def test_the_scopes_are_those_that_routes_ask_for() -> None:
    routes = yaml.safe_load((ROOT / "gateway/routes.yaml").read_text())["routes"]
    asked = {scope for route in routes for scope in route.get("scopes", ())}
    assert {*tokens.SCOPES, tokens.STOCK_SCOPE} == asked


def test_a_token_is_an_access_token(key: Path) -> None:
    """RFC 9068, 2: the type, and every claim that one has to have."""
    text = tokens.issue(key, "ada", [], 5)
    assert jwt.get_unverified_header(text)["typ"] == "at+jwt"
    claims = jwt.decode(text, options={"verify_signature": False})
    assert claims.keys() >= {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}


def test_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nextphase up"):
        tokens.issue(tmp_path / "tokens.pem", "ada", [], 5)
