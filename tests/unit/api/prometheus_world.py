"""Prometheus' API on its real socket, over a store with a few known samples."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from headway.api.address import monitor_settings_path, monitor_socket_path, short
from headway.api.outside import Outside
from headway.api.prometheus.app import Face, create_app
from headway.api.prometheus.queries import Queries
from headway.api.serving import serve_app
from headway.monitoring.io.scrape import Scraper
from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import NAME

BEGIN_S = 1_700_000_000
STEP_S = 10
STEPS = 61


@dataclass(frozen=True, slots=True)
class Served:
    home: Path
    queries: Queries

    def ask(
        self, path: str, form: Mapping[str, object] | Sequence[tuple[str, object]] = (), **how: str
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        with socket.socket(socket.AF_UNIX) as unix, short(monitor_socket_path(self.home)) as name:
            unix.connect(name)
            connection.sock = unix
            text = urlencode(form)
            if how.get("method") == "POST":
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", f"/api/v1{path}", text, headers)
            else:
                connection.request("GET", f"/api/v1{path}?{text}")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def data(self, path: str, form: Any = (), **how: str) -> Any:
        status, answer = self.ask(path, form, **how)
        assert status == 200, answer
        return answer["data"]


def fill(store: Store) -> None:
    """A counter of two services, 1 and 2 a second; a gauge that is its own time in seconds."""
    for number, name in enumerate(("web", "index"), 1):
        feed = store.feed({"job": name, "service": name})
        labels = [{NAME: "requests_total", "code": "200"}, {NAME: "clock"}]
        for step in range(STEPS):
            at_s = BEGIN_S + step * STEP_S
            values = np.array([float(number * step * STEP_S), float(at_s)])
            store.append(feed, at_s * 1000, labels, values)
    store.commit()


@contextlib.contextmanager
def served(home: Path, *, at_once_max: int = 4, time_s_max: float = 30.0) -> Iterator[Served]:
    store = Store(home / "samples", Limits(sync=False), tell=print)
    fill(store)
    queries = Queries(store, at_once_max=at_once_max, time_s_max=time_s_max)
    born = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def life() -> None:
        app = create_app(Face(store, Scraper(store, home, lambda: 0), queries))
        outside = Outside(home, settings=monitor_settings_path(home), loopback_only=True)
        serving = asyncio.create_task(serve_app(app, monitor_socket_path(home), outside))
        await asyncio.sleep(0)  # it listens before it waits for anything
        born.set()
        await end.wait()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    thread = threading.Thread(target=loop.run_until_complete, args=(life(),), name="served")
    thread.start()
    assert born.wait(10)
    try:
        yield Served(home, queries)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        queries.close()
        loop.close()
        store.close()
