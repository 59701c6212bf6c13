"""The console's addresses."""

from typing import Any, Final

from tornado.web import Application

from observability.console import bundle
from observability.console.actions import ACTIONS, ActionHandler
from observability.console.audits import AuditHandler, Audits
from observability.console.bundle import AssetHandler, PageHandler, UnknownHandler
from observability.console.dashboards import UID, DashboardHandler, Dashboards, DashboardsHandler
from observability.console.gateway_calls import GatewayCallsHandler
from observability.console.log_tail import LogTailHandler, LogTails
from observability.console.operate import SessionHandler
from observability.console.platform import (
    CatalogHandler,
    DeploymentsHandler,
    InstanceHandler,
    StatusHandler,
)
from observability.console.runbook import ANCHOR, RunbookHandler
from observability.console.sessions import Sessions
from observability.console.settings import Settings
from observability.console.store_addresses import ADDRESSES
from observability.console.store_client import StoreClient
from observability.console.store_handler import StoreHandler
from observability.frameworks import tornado as hop_tornado
from observability.telemetry import Telemetry

PAGES: Final = (
    "/",
    "/d/(.*)",
    "/dashboards",
    "/traces",
    "/trace/(.*)",
    "/compare",
    "/logs",
    "/map",
    "/alerts",
    "/rio",
    "/rio/(.*)",
    "/operate",
    "/api",
    "/api/([^/]*)",
)
"""Addresses of pages; the front end decides what each shows."""


def application(
    settings: Settings, telemetry: Telemetry, client: StoreClient, dashboards: Dashboards, audits: Audits
) -> Application:
    """The console of an instance; raises ConfigurationError where files it needs are missing."""
    files = bundle.load(settings.bundle)
    tails = LogTails(str(settings.stores.loki), settings.store_headers().get("loki"))
    routes: list[tuple[str, Any, dict[str, Any]]] = [
        (r"/api/dashboards", DashboardsHandler, {"dashboards": dashboards}),
        (rf"/api/dashboards/{UID}", DashboardHandler, {"dashboards": dashboards}),
        (r"/api/audit", AuditHandler, {"audits": audits}),
        (r"/api/instance", InstanceHandler, {"console": settings}),
        (r"/api/platform/catalog", CatalogHandler, {"console": settings}),
        (rf"/api/runbook/{ANCHOR}", RunbookHandler, {"runbook": settings.runbook}),
        (r"/api/platform/deployments", DeploymentsHandler, {"console": settings}),
        (r"/api/platform/status", StatusHandler, {"console": settings}),
        *(
            (f"/api/{address.pattern}", StoreHandler, {"address": address, "client": client})
            for address in ADDRESSES
        ),
        (r"/api/loki/tail", LogTailHandler, {"tails": tails}),
        (r"/api/gateway/calls", GatewayCallsHandler, {"client": client}),
        (r"/api/operate/session", SessionHandler, {"console": settings}),
        *(
            (
                f"/api/operate/{action.pattern}",
                ActionHandler,
                {"action": action, "client": client, "console": settings},
            )
            for action in ACTIONS
        ),
        *((page, PageHandler, {"files": files}) for page in PAGES),
        (r"/assets/([A-Za-z0-9._-]+)", AssetHandler, {"files": files}),
    ]
    app = Application(
        routes,
        default_handler_class=UnknownHandler,
        default_handler_args={"files": files},
        compress_response=False,
        hosts=frozenset(settings.hosts),
        sessions=Sessions(),
        cookie_name=f"nextphase_operate_{settings.port}",
        show_payloads=settings.show_payloads,
    )
    hop_tornado.instrument(app, telemetry)
    return app
