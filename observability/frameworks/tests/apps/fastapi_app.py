import logging
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request

from observability import setup
from observability.frameworks import fastapi as hop_fastapi
from observability.http.problem import Problem


def create_app() -> FastAPI:
    telemetry = setup("probe")
    app = FastAPI()
    hop_fastapi.instrument(app, telemetry)

    @app.get("/things/{thing_id:int}")
    async def thing(thing_id: int) -> dict[str, Any]:
        logging.getLogger("probe").info("Looked at a thing", extra={"thing_id": thing_id})
        return {"id": thing_id}

    @app.post("/things", status_code=201)
    async def add(request: Request) -> dict[str, Any]:
        return await hop_fastapi.json_body(request)

    @app.post("/typed")
    async def typed(name: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        return {"name": name}

    @app.get("/problem")
    async def problem() -> dict[str, Any]:
        raise Problem(
            409, "Taken", errors=[{"pointer": "#/a", "detail": "taken"}], headers={"Retry-After": "7"}
        )

    @app.get("/refused")
    async def refused() -> dict[str, Any]:
        raise HTTPException(403)

    @app.get("/crash")
    async def crash() -> dict[str, Any]:
        raise RuntimeError("the inside")

    return app
