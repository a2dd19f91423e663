"""Ray Serve's share: the same backend inside its deployment. Runs in the venv that has Ray.

Reads one order per line on stdin (`deploy VERSION REPLICAS` or `exit`) and says `done` on stdout.
Arguments: port, in-flight limit per replica, folder for what the replicas write, then those of
`benchmarks/backend.py`. Each replica listens on a port of its own as well, to be told to misbehave,
and writes it into `members/PID`.
"""

import argparse
import asyncio
import importlib
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.backend import Backend, Capacity, Connection, add_capacity, capacity_of

# Ray is only in that venv, so nothing about it is known to the type checker.
ray: Any = importlib.import_module("ray")
serve: Any = importlib.import_module("ray.serve")
responses: Any = importlib.import_module("starlette.responses")

QUEUED_MAX = 64
HEALTH_EVERY_S, HEALTH_TIMEOUT_S = 0.1, 1.0  # its controller looks every 0.1 s, not more often
OBJECT_STORE_BYTES = 80 * 1024 * 1024


class Replica:
    def __init__(self, capacity: Capacity, handled: str, members: str) -> None:
        self._members = Path(members)
        ids = os.open(handled, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._backend = Backend(f"ray-{os.getpid()}", capacity, ids)

    async def reconfigure(self, _: dict[str, Any]) -> None:
        """Called once when it starts, in the loop that also serves its requests."""
        loop = asyncio.get_running_loop()
        control = await loop.create_server(lambda: Connection(self._backend), "127.0.0.1", 0)
        port = control.sockets[0].getsockname()[1]
        (self._members / str(os.getpid())).write_text(str(port), encoding="ascii")

    async def check_health(self) -> None:
        said = await self._backend.answer("GET", "/healthz", "")
        if said is None or said[0] != 200:
            raise RuntimeError("told to say no")

    async def __call__(self, request: Any) -> Any:
        query = f"?{request.url.query}" if request.url.query else ""
        request_id = request.headers.get("x-request-id", "")
        said = await self._backend.answer(request.method, request.url.path + query, request_id)
        status, body = said or (500, "silent\n")
        name = {"x-replica": self._backend.name}
        return responses.Response(body, status_code=status, headers=name)


def app(said: dict[str, Any]) -> Any:
    """What Ray Serve imports and runs. Other arguments are another version: all replicas change."""
    capacity = Capacity(said["slots"], said["takes_s"], said["health_through_slots"])
    return serve.deployment(Replica, name="web").bind(capacity, said["handled"], said["members"])


def config(said: argparse.Namespace, version: str, replicas: int) -> dict[str, Any]:
    """The description that `serve deploy` takes."""
    capacity = capacity_of(said)
    members = str(said.folder / "members")
    arguments = {**asdict(capacity), "handled": str(said.handled_ids), "members": members}
    deployment = {
        "name": "web",
        "num_replicas": replicas,
        "max_ongoing_requests": said.in_flight,
        "max_queued_requests": QUEUED_MAX,
        "health_check_period_s": HEALTH_EVERY_S,
        "health_check_timeout_s": HEALTH_TIMEOUT_S,
        "graceful_shutdown_timeout_s": 5,
        "graceful_shutdown_wait_loop_s": 0.1,
        "user_config": {},
        "ray_actor_options": {"num_cpus": 0.01},
    }
    application = {
        "name": "bench",
        "route_prefix": "/",
        "import_path": "benchmarks.peers.ray_app:app",
        "args": {**arguments, "version": version},
        "deployments": [deployment],
    }
    return {"applications": [application]}


def deploy(described: dict[str, Any]) -> None:
    """Returns when Ray Serve says that it runs as described; it may not have begun by then."""
    schema = importlib.import_module("ray.serve.schema").ServeDeploySchema
    client = importlib.import_module("ray.serve.context")._get_global_client()  # noqa: SLF001
    client.deploy_apps(schema.model_validate(described), _blocking=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("in_flight", type=int)
    parser.add_argument("folder", type=Path)
    add_capacity(parser)
    said = parser.parse_args()
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
        _temp_dir=str(said.folder / "ray"),
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": said.port, "request_timeout_s": 5})
        for line in sys.stdin:
            match line.split():
                case ["deploy", version, replicas]:
                    deploy(config(said, version, int(replicas)))
                    print("done", flush=True)
                case _:
                    break
    finally:
        ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
