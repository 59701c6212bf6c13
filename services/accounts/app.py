"""The application, as gunicorn starts it."""

from flask import Flask

from observability import setup
from observability.frameworks import flask as hop_flask
from observability.tracing import instrument_psycopg
from services.accounts.database import Database
from services.accounts.routes import routes


def create_app() -> Flask:
    """Build the service from its environment (DATABASE_URL and what `observability` reads)."""
    hop = setup("accounts")
    instrument_psycopg()
    database = Database()
    hop.health.add("database", database.check, critical=True)

    app = Flask(__name__)
    hop_flask.instrument(app, hop)
    app.register_blueprint(routes(database))
    return app
