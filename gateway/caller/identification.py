"""A request's caller identified by what needs no verification: its address and the request's id."""

from tornado.httputil import HTTPHeaders

from gateway.caller.client_address import client_address
from gateway.caller.internal_headers import strip
from gateway.caller.request_id import REQUEST_ID_HEADER, request_id
from gateway.caller.trusted_proxies import TrustedProxies
from gateway.messages import Caller


def identify(headers: HTTPHeaders, peer: str, proxies: TrustedProxies) -> Caller:
    """The caller of a request with these headers, without what has to be verified.

    What a client must not say is taken out of the headers.

    Parameters:
        peer: the address at the other end of the connection.
        proxies: those whose `X-Forwarded-For` is believed.
    """
    trusted = proxies.trusts(peer)
    address = client_address(headers, peer, trusted=trusted)
    strip(headers, trusted=trusted)
    name = request_id(headers)
    return Caller(address, name, identity=((REQUEST_ID_HEADER, name),))
