"""How the parts of the API meet: `create_app(control)` is the whole of it."""

from fastapi import FastAPI

import headway
from headway.api import environments, envoy, events, logs, machine, replicas, services
from headway.api.control import Control
from headway.api.guard import Guard
from headway.api.problem import PROBLEM_RESPONSES, install

PREFIX = "/api/v1"
RESOURCES = (machine, environments, services, replicas, envoy, logs, events)


def create_app(control: Control) -> FastAPI:
    app = FastAPI(
        title="Headway",
        version=headway.__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        # The pages would load their scripts from elsewhere; the description is enough.
        docs_url=None,
        redoc_url=None,
    )
    app.state.control = control
    for resource in RESOURCES:
        app.include_router(resource.router, prefix=PREFIX, responses=PROBLEM_RESPONSES)
    install(app)
    app.add_middleware(Guard)
    return app
