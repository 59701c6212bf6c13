"""A team's own Tornado application: a function of no parameters that the file of routes names, and that makes
it."""

from tornado.httputil import HTTPServerConnectionDelegate

from gateway.dotted_name import imported


def make_application(name: str) -> HTTPServerConnectionDelegate:
    """Call the function of a dotted name and return the application that it makes.

    Raises:
        ValueError: there is no such function, it fails, or makes something else.
    """
    module, _, member = name.rpartition(".")
    make = imported(name)
    if not callable(make):
        raise ValueError(f"{module} has no function {member}")
    try:
        application = make()
    except Exception as error:
        raise ValueError(f"cannot be made: {error}") from error
    if not isinstance(application, HTTPServerConnectionDelegate):
        raise ValueError(f"{name} makes no tornado.web.Application")
    return application
