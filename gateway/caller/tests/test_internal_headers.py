"""Headers that clients cannot set."""

import pytest
from tornado.httputil import HTTPHeaders

from gateway.caller.internal_headers import strip

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    "name",
    [
        *("X-User-Id", "X-User-Scopes", "X-User-Whatever", "X-Caller", "X-Platform-Credential"),
        *("X-Request-Timeout-Ms", "Forwarded", "X-Forwarded-Host", "X-Forwarded-User", "X-Remote-User"),
        *("Remote-User", "X-Real-IP", "X_User_Id", "X-User_Id", "X_User_Scopes", "X_Platform_Credential"),
        *("X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Prefix", "X-Forwarded-Client-Cert"),
        *("X_Caller", "X_Request_Timeout_Ms", "Transfer_Encoding", "Content_Length", "_", "X-A_B"),
    ],
)
def test_what_only_the_platform_says_is_taken_out(name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        given = HTTPHeaders(
            {spelled: "1", "X-Forwarded-For": PEER, "X-Forwarded-Proto": "https", "Accept": "*/*"}
        )
        strip(given, trusted=True)
        assert sorted(given) == ["Accept", "X-Forwarded-For", "X-Forwarded-Proto"]
        strip(given, trusted=False)
        assert sorted(given) == ["Accept"]
