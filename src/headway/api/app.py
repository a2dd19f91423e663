"""How the parts of the API meet: `create_app(control)` is the whole of it."""

from fastapi import FastAPI

import headway
from headway.api import (
    environments,
    envoy,
    events,
    journal,
    logs,
    machine,
    replicas,
    services,
    tokens,
)
from headway.api.control import Control
from headway.api.description import ABOUT, TAGS, DescribedApp, operation_id
from headway.api.door import Door
from headway.api.guard import Guard
from headway.api.problem import PROBLEM_RESPONSES, install

PREFIX = "/api/v1"
RESOURCES = (machine, journal, environments, services, replicas, envoy, logs, events, tokens)


def create_app(control: Control) -> FastAPI:
    app = DescribedApp(
        title="Headway",
        version=headway.__version__,
        description=ABOUT,
        openapi_tags=TAGS,
        openapi_url=f"{PREFIX}/openapi.json",
        generate_unique_id_function=operation_id,
        # `/daemon/` is not `/daemon`: whoever asks for one thing is not sent to another.
        redirect_slashes=False,
        # The pages would load their scripts from elsewhere; the description is enough.
        docs_url=None,
        redoc_url=None,
    )
    app.state.control = control
    for resource in RESOURCES:
        app.include_router(resource.router, prefix=PREFIX, responses=PROBLEM_RESPONSES)
    install(app)
    app.add_middleware(Door, control=control)
    app.add_middleware(Guard)  # added last, so outermost
    return app
