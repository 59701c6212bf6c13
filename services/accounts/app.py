"""The application, as gunicorn starts it."""

from flask import Flask

from observability import setup
from observability.frameworks.flask import instrument
from observability.instrumentation import instrument_psycopg
from services.accounts.database import Database
from services.accounts.routes import routes


def create_app() -> Flask:
    """Build the service from its environment (DATABASE_URL and what `observability` reads)."""
    telemetry = setup("accounts")
    instrument_psycopg()
    database = Database()
    telemetry.health.add("database", database.check, critical=True)

    app = Flask(__name__)
    instrument(app, telemetry)
    app.register_blueprint(routes(database))
    return app
