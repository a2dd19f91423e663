"""How a configuration reaches the real Envoy: whole or not at all, and without a failed request."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from tests.contracts.traffic_world import (
    World,
    eventually,
    free_port,
    load,
    run,
)

from headway.model.desired import Arrow
from headway.model.errors import TrafficError
from headway.model.ids import ServiceName
from headway.model.site import Health
from headway.traffic.endpoints import read_back
from headway.traffic.io.admin import ANSWER_S_MAX
from headway.traffic.io.watches import LIMIT_FILE, require_watches

pytestmark = pytest.mark.contract

WEB = ServiceName("web")


def test_a_refused_change_leaves_the_old_but_still_takes_the_dead_away(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        good = w.web
        w.describe(health=Health(timeout_s=0.0))
        for _ in range(2):  # also when it is asked again
            with pytest.raises(TrafficError, match="greater than 0s"):
                await w.publish("web-0")
            assert w.traffic.routed() == {"web-0"}
        await eventually(lambda: w.healthy("web-0"))
        answers = [await w.ask() for _ in range(10)]
        assert {(a.status, a.replica) for a in answers} == {(200, "web-0")}
        w.web = good
        await w.publish("web-0", "web-1")
        await eventually(lambda: w.healthy("web-0", "web-1"))
        assert await w.traffic.confirm() == []

    run(headway_home, story)


def test_a_changed_policy_moves_over_without_a_failed_request(headway_home: Path) -> None:
    async def story(w: World) -> None:
        w.traffic = w.new_traffic(retired_kept_s=0.5)
        await w.serve("web-0", "web-1")
        async with load(w.entry_port, 8, "/slow?ms=5") as running:
            for timeout_s in (0.09, 0.1, 0.11):
                w.describe(health=Health(timeout_s=timeout_s))
                await running.until(100)
                await w.publish("web-0", "web-1")
                assert await w.traffic.confirm() == []
            await running.until(100)
            await eventually(lambda: len(list((w.directory / "endpoints").iterdir())) == 1)
            await running.until(100)
        assert running.statuses().keys() == {200}, running.statuses()
        hosts = await w.envoy.serving.hosts()
        assert len({h.cluster for h in hosts}) == 1
        assert sum(h.requests for h in hosts) > 100

    run(headway_home, story)


def test_a_replica_leaves_retired_clusters_too(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        w.describe(health=Health(timeout_s=0.09))
        await w.publish("web-0", "web-1")
        assert len({h.cluster for h in await w.envoy.serving.hosts()}) == 2
        await w.publish("web-0")
        await eventually(lambda: w.healthy("web-0"))

    run(headway_home, story)


def test_a_port_in_use_is_said_and_taken_when_it_is_free(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            w.arrows = (Arrow(ServiceName("front"), WEB, port, None),)
            with pytest.raises(TrafficError, match="Address already in use"):
                await w.publish("web-0")
            assert (await w.ask()).status == 200
            assert any("Address already in use" in line for line in await w.traffic.confirm())
        await w.publish("web-0")
        assert await w.traffic.confirm() == []

    run(headway_home, story)


def test_arrows_come_and_go(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        first = Arrow(ServiceName("front"), WEB, free_port(), 0.2)
        w.arrows = (first,)
        await w.publish("web-0")
        async with load(first.port) as running:
            await running.until(20)
            w.arrows = (replace(first, deadline_s=0.5),)
            await w.publish("web-0")
            await running.until(20)
        assert running.statuses().keys() == {200}
        w.arrows = ()
        await w.publish("web-0")
        assert await w.traffic.confirm() == []

    run(headway_home, story)


def test_a_new_life_of_ours_knows_what_was_routed(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        w.traffic = w.new_traffic()
        assert w.traffic.routed() == {"web-0", "web-1"}
        w.describe(health=Health(timeout_s=0.09))  # it also knows the clusters
        async with load(w.entry_port) as running:
            await w.publish("web-0")
            await running.until(50)
        assert running.statuses().keys() == {200}
        assert await w.traffic.confirm() == []

    run(headway_home, story)


def test_damaged_files_are_written_again(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        damage(headway_home)
        w.traffic = w.new_traffic()
        assert w.traffic.routed() == frozenset()
        await w.publish("web-0")
        assert await w.traffic.confirm() == []
        assert (await w.ask()).status == 200

    run(headway_home, story)


def test_a_mismatch_is_reported_in_a_sentence(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0")
        put_a_stray_version(headway_home)
        await eventually(lambda: says(w, "in version stray-strays"))

    run(headway_home, story)


def damage(folder: Path) -> None:
    for path in (*folder.glob("**/*.json"), *folder.glob("**/*.pb")):
        path.write_text('{"version_info": 7, "resources": [', encoding="utf-8")


def put_a_stray_version(folder: Path) -> None:
    (path,) = (folder / "endpoints").iterdir()
    version, _ = read_back(path.read_bytes()) or ("", ())
    stray = path.read_bytes().replace(version.encode(), b"stray-strays")
    path.with_suffix(".new").write_bytes(stray)
    path.with_suffix(".new").rename(path)


async def says(w: World, words: str) -> bool:
    return any(words in line for line in await w.traffic.confirm())


def test_an_envoy_that_started_empty_takes_the_first_publication(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.envoy.ensure()
        await w.serve("web-0")
        assert await w.traffic.confirm() == []
        assert (await w.ask()).status == 200

    run(headway_home, story)


def test_a_restarted_envoy_serves_from_its_files_alone(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        await w.traffic.close()
        old = w.keeper.kept["envoy-1"]
        old.send_signal(signal.SIGKILL)
        await old.wait()
        await eventually(w.envoy.serving.ready)
        await eventually(lambda: w.healthy("web-0", "web-1"))
        assert {(await w.ask()).status for _ in range(10)} == {200}

    run(headway_home, story)


def test_a_frozen_envoy_is_waited_for_once_and_takes_all_when_it_wakes(headway_home: Path) -> None:
    async def story(w: World) -> None:
        await w.serve("web-0", "web-1")
        process = w.keeper.kept["envoy-1"]
        process.send_signal(signal.SIGSTOP)
        try:
            w.describe(health=Health(timeout_s=0.09))
            began_s = time.monotonic()
            await w.publish("web-0")
            took_s = time.monotonic() - began_s
            assert took_s < 2 * ANSWER_S_MAX, took_s
            assert any("no answer in" in line for line in await w.traffic.confirm())
        finally:
            process.send_signal(signal.SIGCONT)
        await eventually(w.taken)
        await eventually(lambda: w.healthy("web-0"))
        assert (await w.ask()).replica == "web-0"

    run(headway_home, story)


FULL_DISK = """
import sys
from pathlib import Path
from headway.model.errors import TrafficError
from headway.traffic.io.shelf import SPARES, Shelf

shelf = Shelf(Path(sys.argv[1]))
shelf.prepare()
shelf.write("./endpoints/web.pb", b"{}", urgent=False)
try:
    with (Path(sys.argv[1]) / "junk").open("wb", buffering=0) as junk:
        while True:
            junk.write(bytes(4096))
except OSError:
    pass
refused = 0
for content in (b"{}", b"[]"):
    try:
        shelf.write("./clusters.json", content, urgent=False)
    except TrafficError as error:
        assert "No space left" in str(error), error
        refused += 1
assert refused == 2
for count in range(SPARES - 1):
    shelf.write("./endpoints/web.pb", b"%d" % count, urgent=True)
    assert shelf.read("./endpoints/web.pb") == b"%d" % count
assert not list(Path(sys.argv[1]).glob("**/*.new"))
"""


def test_on_a_full_disk_the_dead_still_leave(
    headway_home: Path, not_run: Callable[[str], NoReturn]
) -> None:
    own_mounts = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    small_disk = f"mount -t tmpfs -o size=2m tmpfs {headway_home}"
    if subprocess.run([*own_mounts, small_disk], check=False, capture_output=True).returncode:
        not_run("no mounts of our own here")
    script = f'{small_disk} && exec "$0" "$@"'
    run = [*own_mounts, script, sys.executable, "-c", FULL_DISK, str(headway_home)]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_more_file_watches_than_the_kernel_gives_are_refused_before_envoy_aborts(
    not_run: Callable[[str], NoReturn],
) -> None:
    if not LIMIT_FILE.exists():
        not_run("this kernel does not count file watches so")
    require_watches(0)
    with pytest.raises(TrafficError, match="file watches") as refused:
        require_watches(1_000_000)
    assert "sysctl" in refused.value.remedy
