import logging
from typing import Any

from flask import Flask, abort

from observability import setup
from observability.frameworks import flask as hop_flask
from observability.http.problem import Problem


def create_app() -> Flask:
    telemetry = setup("probe")
    app = Flask("probe")
    hop_flask.instrument(app, telemetry)

    @app.get("/things/<int:thing_id>")
    def thing(thing_id: int) -> dict[str, Any]:
        logging.getLogger("probe").info("Looked at a thing", extra={"thing_id": thing_id})
        return {"id": thing_id}

    @app.post("/things")
    def add() -> tuple[dict[str, Any], int]:
        return hop_flask.json_body(), 201

    @app.get("/problem")
    def problem() -> dict[str, Any]:
        raise Problem(
            409, "Taken", errors=[{"pointer": "#/a", "detail": "taken"}], headers={"Retry-After": "7"}
        )

    @app.get("/refused")
    def refused() -> dict[str, Any]:
        abort(403)

    @app.get("/crash")
    def crash() -> dict[str, Any]:
        raise RuntimeError("the inside")

    return app
