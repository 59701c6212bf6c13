"""The HTTP interface: `/orders`."""

from django.urls import path

from services.orders.views import DeliveryView, OrdersView, OrderView

urlpatterns = [
    path("orders", OrdersView.as_view()),
    path("orders/<uuid:order_id>", OrderView.as_view(), name="order"),
    path("orders/events", DeliveryView.as_view()),
]
