"""The HTTP interface: `/accounts`."""

import logging
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, url_for

from observability.frameworks.flask import json_body
from observability.http.problem import Problem
from services.accounts import account as accounts
from services.accounts.database import Database
from services.accounts.schema import NewAccount, Page, document
from services.chassis.document import read_document, read_query
from services.chassis.idempotency import IdempotentResponse, Key, once

_logger = logging.getLogger(__name__)


def routes(database: Database) -> Blueprint:
    """The routes, over that database."""
    blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")

    @blueprint.post("")
    def create() -> tuple[Response, int, dict[str, str]]:
        body = json_body()
        new = read_document(NewAccount, body)
        key = Key.of(request.headers, "POST /accounts", body)
        with database.transaction() as session:

            def act() -> IdempotentResponse:
                account = accounts.create(session, new.name, new.email)
                session.refresh(account)
                return IdempotentResponse(201, url_for(".show", account_id=account.id), document(account))

            answer = once(session.connection().exec_driver_sql, key, act)
        event = "account created" if not answer.replayed else "account created before"
        _logger.info(event, extra={"account_id": answer.body["id"]})
        return jsonify(answer.body), answer.status, answer.headers

    @blueprint.get("/<uuid:account_id>")
    def show(account_id: UUID) -> dict[str, Any]:
        with database.transaction() as session:
            account = accounts.find(session, account_id)
        if account is None:
            raise Problem(404, "Account not found", detail=f"there is no account {account_id}")
        return document(account)

    @blueprint.get("")
    def index() -> dict[str, Any]:
        page = read_query(Page, request.args.to_dict())
        with database.transaction() as session:
            return {"items": [document(each) for each in accounts.page(session, page.limit, page.after)]}

    return blueprint
