"""The views of this service, one a path."""

import logging
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views import View

from observability.frameworks.django import json_body
from observability.http.problem import Problem
from services.chassis.database import outage_is_problem
from services.chassis.delivery import read_event, unwanted
from services.chassis.document import read_data, read_document, read_query
from services.chassis.idempotency import IdempotentResponse, Key
from services.orders import lifecycle
from services.orders.events import CONSUMED
from services.orders.models import Order
from services.orders.schema import NewOrder, OrderQuery, Page

_logger = logging.getLogger(__name__)


class DatabaseView(View):
    """A view that needs the database, and says so when it is away."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with outage_is_problem(OperationalError, InterfaceError):
            return super().dispatch(request, *args, **kwargs)


class OrdersView(DatabaseView):
    """`/orders`"""

    def post(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request)
        new = read_document(NewOrder, body)

        def act() -> IdempotentResponse:
            order = lifecycle.place(new)
            return IdempotentResponse(
                202, reverse("order", args=[order.id]), {"id": str(order.id), "state": order.state}
            )

        answer = lifecycle.once(Key.of(request.headers, "POST /orders", body), act)
        event = "order placed" if not answer.replayed else "order placed before"
        _logger.info(event, extra={"order_id": answer.body["id"], "account_id": str(new.account_id)})
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)

    def get(self, request: HttpRequest) -> HttpResponse:
        page = read_query(Page, request.GET.dict())
        orders = Order.objects.prefetch_related("lines").order_by("-created_at", "id")
        if page.account_id is not None:
            orders = orders.filter(account_id=page.account_id)
        return JsonResponse({"items": [order.document() for order in orders[: page.limit]]})


class OrderView(DatabaseView):
    """`/orders/{id}`"""

    def get(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """The order; with `account_id` in the query, only if it is that account's."""
        query = read_query(OrderQuery, request.GET.dict())
        order = Order.objects.filter(id=order_id).first()
        if order is None or not query.matches(order.account_id):
            raise Problem(404, "Order not found", detail=f"there is no order {order_id}")
        return JsonResponse(order.document())


class DeliveryView(DatabaseView):
    """`/orders/events`: where Rio delivers"""

    def post(self, request: HttpRequest) -> HttpResponse:
        event = read_event(request.headers, request.body)
        if event.type not in CONSUMED:
            raise unwanted(event)
        lifecycle.decide(event, read_data(CONSUMED[event.type], event.data))
        return HttpResponse(status=204)
