"""Control groups: ending a whole process tree at once, and memory limits, where the machine allows.

Cgroup v2 for both where it carries the controllers; on a hybrid machine v2 ends the tree and v1
holds the limits. Each is tried for real before it is believed in, and `capabilities` says plainly
what is missing.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

JOIN = ("/bin/sh", "-c", 'echo $$ >"$1"', "join")
RMDIR_TRIES_MAX = 50
CPU_SHARES_PER_CORE, CPU_SHARES_MIN, CPU_SHARES_MAX = 1024, 2, 262_144  # v1
CPU_WEIGHT_PER_CORE, CPU_WEIGHT_MIN, CPU_WEIGHT_MAX = 100, 1, 10_000  # v2
CPU_OF_A_LIFE = 1.0  # unless described
CPU_OF_A_KEPT_LIFE = 4.0  # Envoy: every request needs it first


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Folders under which the leaves of lives are made; None: this machine does not allow it."""

    tree: Path | None  # v2: ends trees
    memory: Path | None
    cpu: Path | None

    def capabilities(self) -> dict[str, str]:
        weak = "no writable cgroup v2: sessions and a search of /proc instead"
        return {
            "end_tree": f"cgroup.kill below {self.tree}" if self.tree else weak,
            "memory_limit": f"below {self.memory}" if self.memory else "not enforced: no cgroup",
            "cpu_share": f"below {self.cpu}" if self.cpu else "not set: no cgroup",
        }

    def prepare(self, name: str, memory_bytes: int | None, cpu: float | None) -> tuple[Path, ...]:
        """Make the leaves of one life, the v2 one first. Raises OSError."""
        leaves = [self.tree / name] if self.tree else []
        if memory_bytes is not None and self.memory:
            leaves.append(self.memory / name)
        if self.cpu:
            leaves.append(self.cpu / name)
        for leaf in leaves:
            leaf.mkdir(exist_ok=True)
        if memory_bytes is not None and self.memory:
            _limit_memory(self.memory / name, memory_bytes)
        if self.cpu:
            _share_cpu(self.cpu / name, CPU_OF_A_LIFE if cpu is None else cpu)
        return tuple(dict.fromkeys(leaves))

    def weigh(self, weight: float) -> None:
        """The environment's part of the processor, where others want the same cores.

        One unit is worth an ordinary process on each core.
        """
        if self.cpu is not None:
            with contextlib.suppress(OSError):
                _share_cpu(self.cpu, weight * (os.cpu_count() or 1))

    def ran_out_of_memory(self, name: str) -> bool:
        if self.memory is None:
            return False
        kills = (
            _number(self.memory / name / file, "oom_kill")
            for file in ("memory.events", "memory.oom_control")
        )
        return any(count > 0 for count in kills)

    def remove(self, name: str) -> None:
        for parent in {self.tree, self.memory, self.cpu} - {None}:
            assert parent is not None
            _rmdir(parent / name)

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove the leaves of lives that nobody remembers, with whoever is left in them.

        A program that wrote over its environment (nginx and Redis show their title there) can be
        found by its leaf alone.
        """
        for parent in {self.tree, self.memory, self.cpu} - {None}:
            assert parent is not None
            for leaf in parent.glob("*/"):
                if parent == self.tree and leaf.name not in wanted:
                    kill(leaf)
                with contextlib.suppress(OSError):
                    leaf.rmdir()

    def remove_all(self) -> None:
        for parent in {self.tree, self.memory, self.cpu} - {None}:
            assert parent is not None
            for leaf in parent.glob("*/"):
                _rmdir(leaf)
            _rmdir(parent)


def find(parent_name: str) -> Cgroups:
    """What this machine allows us. Root works at the top, anyone else where they were put."""
    mounts = _mounts()
    own = _own_paths()
    tree = _first_usable(_places(mounts.get("cgroup2"), own.get("")), parent_name, "cgroup.kill")
    return Cgroups(
        tree=tree,
        memory=_enable(tree, "memory", "memory.max")
        or _first_usable(
            _places(mounts.get("memory"), own.get("memory")), parent_name, "memory.limit_in_bytes"
        ),
        cpu=_enable(tree, "cpu", "cpu.weight")
        or _first_usable(_places(mounts.get("cpu"), own.get("cpu")), parent_name, "cpu.shares"),
    )


def members(leaf: Path) -> list[int]:
    try:
        return [int(pid) for pid in (leaf / "cgroup.procs").read_text().split()]
    except (OSError, ValueError):
        return []


def kill(leaf: Path) -> None:
    with contextlib.suppress(OSError):
        (leaf / "cgroup.kill").write_text("1")


def _enable(tree: Path | None, controller: str, file: str) -> Path | None:
    if tree is None:
        return None
    for folder in (tree.parent, tree):
        with contextlib.suppress(OSError):
            if controller not in (folder / "cgroup.subtree_control").read_text().split():
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")
    return tree if _try_out(tree, file) else None


def _places(mount: Path | None, own: str | None) -> list[Path]:
    if mount is None:
        return []
    mine = [mount / own.lstrip("/")] if own else []
    return [mount, *mine] if os.geteuid() == 0 else mine


def _first_usable(places: list[Path], parent_name: str, needed: str) -> Path | None:
    for place in places:
        parent = place / parent_name
        try:
            parent.mkdir(exist_ok=True)
        except OSError:
            continue
        if _try_out(parent, needed):
            return parent
        _rmdir(parent)
    return None


def _try_out(parent: Path, needed: str) -> bool:
    """True when a process really can be put there and the file that is needed exists."""
    trial = parent / "trial"
    try:
        trial.mkdir(exist_ok=True)
        if not (trial / needed).exists():
            return False
        tried = subprocess.run(
            [*JOIN, str(trial / "cgroup.procs")],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=5.0,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        _rmdir(trial)
    return tried.returncode == 0


def _limit_memory(leaf: Path, memory_bytes: int) -> None:
    for file, value in (
        ("memory.limit_in_bytes", memory_bytes),
        ("memory.memsw.limit_in_bytes", memory_bytes),
        ("memory.max", memory_bytes),
        ("memory.swap.max", 0),
        ("memory.oom.group", 1),  # a replica that lost one of its processes is of no use
    ):
        if (leaf / file).exists():
            (leaf / file).write_text(str(value))


def _share_cpu(leaf: Path, cpu: float) -> None:
    if (leaf / "cpu.shares").exists():
        shares = round(cpu * CPU_SHARES_PER_CORE)
        (leaf / "cpu.shares").write_text(str(min(CPU_SHARES_MAX, max(CPU_SHARES_MIN, shares))))
    elif (leaf / "cpu.weight").exists():
        weight = round(cpu * CPU_WEIGHT_PER_CORE)
        (leaf / "cpu.weight").write_text(str(min(CPU_WEIGHT_MAX, max(CPU_WEIGHT_MIN, weight))))


def _mounts() -> dict[str, Path]:
    """`cgroup2` and each v1 controller -> where it is mounted."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, options, *_ = line.split(" ")
        names = ["cgroup2"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for name in names:
            found.setdefault(name, Path(place))
    return found


def _own_paths() -> dict[str, str]:
    """Each v1 controller, and "" for v2 -> the cgroup that we run in."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return found


def _number(file: Path, key: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            if line.startswith(f"{key} "):
                return int(line.split()[1])
    return 0


def _rmdir(folder: Path) -> None:
    """A group stays busy for a moment after its last process was reaped."""
    for _ in range(RMDIR_TRIES_MAX):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.0002)
        else:
            return
