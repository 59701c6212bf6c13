"""The caller of a request before its token is verified: address, request id, headers it may not set."""
