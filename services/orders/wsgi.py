"""The application, as gunicorn starts it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "services.orders.settings")

from django.core.wsgi import get_wsgi_application

from observability import setup
from observability.frameworks.django import instrument
from observability.instrumentation import instrument_psycopg
from services.chassis import database
from services.orders.health import check_database

database.url()  # refuse to start without one
telemetry = setup("orders")
instrument_psycopg()
application = get_wsgi_application()
instrument(application, telemetry)
telemetry.health.add("database", check_database, critical=True)
