"""Django, cut down to what a JSON service needs: no sessions, no admin, no users, and so no SECRET_KEY."""

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from observability.http.json_body import MAX_BODY_BYTES
from services.chassis.database import CONNECT

ROOT_URLCONF = "services.orders.urls"
INSTALLED_APPS = ["services.orders"]
MIDDLEWARE: list[str] = []  # observability adds its own

# Only services nginx reaches this process, and nothing here builds an address from the Host header.
ALLOWED_HOSTS = ["*"]
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
# A query is as long as services nginx lets it be; over Django's own bound it may raise before any middleware.
DATA_UPLOAD_MAX_NUMBER_FIELDS = None
USE_TZ = True
TIME_ZONE = "UTC"  # Django sets the process's
USE_I18N = False
LOGGING_CONFIG = None  # observability logs
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _database(url: str) -> dict[str, Any]:
    address = conninfo_to_dict(url)
    return {
        "ENGINE": "services.chassis.postgresql",
        "NAME": address.get("dbname", ""),
        "USER": address.get("user", ""),
        "HOST": address.get("host", ""),
        "PORT": address.get("port", ""),
        "OPTIONS": CONNECT,
        "CONN_MAX_AGE": None,  # one connection a thread, kept
        "CONN_HEALTH_CHECKS": True,  # and tested before each request that uses it
    }


# Type checkers and `makemigrations` read this file without a database; then Django refuses the first query.
DATABASES = {"default": _database(os.environ["DATABASE_URL"])} if "DATABASE_URL" in os.environ else {}
