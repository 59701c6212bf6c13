"""Routes that RabbitMQ does not confirm are refused for a while, and then tried with one message."""

from broker.rio.amqp.stuck_routes import CONFIRM_SECONDS, StuckRoutes

ROUTE = ("rio.events", "shop.ordered")
LONG = 10 * CONFIRM_SECONDS


def test_a_noted_route_is_refused_and_no_other() -> None:
    routes = StuckRoutes()
    assert not routes
    routes.note(ROUTE, 0.0)
    assert routes.refuses(ROUTE, 1.0)
    assert not routes.refuses(("rio.events", "shop.paid"), 1.0)


def test_one_message_is_let_through_to_find_out() -> None:
    routes = StuckRoutes()
    routes.note(ROUTE, 0.0)
    assert not routes.refuses(ROUTE, LONG)
    assert routes.refuses(ROUTE, LONG + CONFIRM_SECONDS)  # its confirm may still come


def test_a_confirmed_route_is_refused_no_more() -> None:
    routes = StuckRoutes()
    routes.note(ROUTE, 0.0)
    routes.pop(ROUTE, None)
    assert not routes.refuses(ROUTE, 1.0)
