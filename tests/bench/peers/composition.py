"""The composition that every gateway makes: three services' responses in one document."""

from typing import Final

PATH: Final = "/v1/page"
PARTS: Final = {"user": "/users/7", "orders": "/orders/7", "stock": "/stock/7"}
"""Name of a part, and its service's path."""

ANSWERS: Final = {
    "/users/7": {
        "id": 7,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "address": {"street": "12 St James", "city": "London", "zip": "SW1"},
        "tags": ["vip", "beta"],
    },
    "/orders/7": {
        "items": [
            {"id": 1, "sku": "A-1", "qty": 2, "price": 1999, "state": "paid"},
            {"id": 2, "sku": "B-2", "qty": 1, "price": 4999, "state": "shipped"},
            {"id": 3, "sku": "C-3", "qty": 5, "price": 299, "state": "placed"},
        ]
    },
    "/stock/7": {
        "A-1": {"on_hand": 12, "reserved": 2},
        "B-2": {"on_hand": 3, "reserved": 1},
        "C-3": {"on_hand": 130, "reserved": 25},
    },
}
"""What the services answer, by path."""
