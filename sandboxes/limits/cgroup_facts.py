"""The limits that the kernel really holds a process to: its control groups, in either version, as they are mounted.

Decides: how they are found and read. Does not decide what ought to stand there, nor make any (`control_groups`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandboxes.processes.proc_facts import unescaped

Controller = Literal["memory", "pids", "cpu"]

_NO_LIMIT = 1 << 60
"""Version 1 writes "none" as a number near 2^63, rounded down to a page."""


@dataclass(frozen=True, slots=True)
class GroupFolder:
    """Where one controller keeps a process's group."""

    version: Literal[1, 2]
    path: Path
    root: Path


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Limits of a process; None where none stands.

    Attributes:
        memory: Bytes; the smallest of the process's own group and all above it.
        memory_and_swap: Bytes, both together. None also where the kernel does not count swap.
    """

    memory: int | None = None
    memory_and_swap: int | None = None
    pids: int | None = None
    cpus: float | None = None


def group_folder(pid: int | str, controller: Controller) -> GroupFolder | None:
    """The folder of the process's group for one controller, or None where nobody mounted that controller."""
    try:
        lines = (Path("/proc") / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    one = two = None
    for line in lines:
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            one = path
        elif names == "":
            two = path
    for mount in _mounts():
        if mount.version == 1 and one is not None and controller in mount.controllers:
            return _below(mount, one)
    for mount in _mounts():
        if mount.version == 2 and two is not None and one is None:
            folder = _below(mount, two)
            if folder is not None and controller in _text(folder.path / "cgroup.controllers").split():
                return folder
    return None


def read_limits(pid: int) -> LiveLimits:
    """What stands around a live process now."""
    memory = group_folder(pid, "memory")
    pids = group_folder(pid, "pids")
    cpu = group_folder(pid, "cpu")
    return LiveLimits(
        memory=_smallest(memory, "memory.limit_in_bytes", "memory.max"),
        memory_and_swap=_with_swap(memory),
        pids=_smallest(pids, "pids.max", "pids.max"),
        cpus=_cpus(cpu),
    )


def cgroup_version() -> Literal["1", "2", "none"]:
    """Which version holds the controllers that limits need."""
    folder = group_folder("self", "memory") or group_folder("self", "pids")
    return "none" if folder is None else "1" if folder.version == 1 else "2"


@dataclass(frozen=True, slots=True)
class _Mount:
    version: Literal[1, 2]
    at: Path
    root: str
    controllers: tuple[str, ...]


def _mounts() -> Iterator[_Mount]:
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            front, _, back = line.partition(" - ")
            fields, behind = front.split(" "), back.split(" ")
            if len(fields) > 4 and len(behind) > 2 and behind[0] in {"cgroup", "cgroup2"}:
                version: Literal[1, 2] = 1 if behind[0] == "cgroup" else 2
                at, root = Path(unescaped(fields[4])), unescaped(fields[3])
                yield _Mount(version, at, root, tuple(behind[2].split(",")))


def _below(mount: _Mount, path: str) -> GroupFolder | None:
    if mount.root != "/":
        if path != mount.root and not path.startswith(mount.root + "/"):
            return None  # Of a group that lies outside what is mounted here.
        path = path[len(mount.root) :]
    return GroupFolder(mount.version, mount.at / path.lstrip("/"), mount.at)


def _smallest(folder: GroupFolder | None, one: str, two: str) -> int | None:
    """A limit of a group above holds too."""
    if folder is None:
        return None
    found: list[int] = []
    for place in (folder.path, *folder.path.parents):
        text = _text(place / (one if folder.version == 1 else two)).strip()
        if text.isdigit() and int(text) < _NO_LIMIT:
            found.append(int(text))
        if place == folder.root:
            break
    return min(found, default=None)


def _with_swap(folder: GroupFolder | None) -> int | None:
    if folder is None or folder.version == 1:
        return _smallest(folder, "memory.memsw.limit_in_bytes", "")
    memory, swap = _smallest(folder, "", "memory.max"), _smallest(folder, "", "memory.swap.max")
    return None if memory is None or swap is None else memory + swap


def _cpus(folder: GroupFolder | None) -> float | None:
    if folder is None:
        return None
    if folder.version == 1:
        quota, period = _text(folder.path / "cpu.cfs_quota_us"), _text(folder.path / "cpu.cfs_period_us")
    else:
        quota, _, period = _text(folder.path / "cpu.max").partition(" ")
    with suppress(ValueError, ZeroDivisionError):
        if int(quota) > 0:
            return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
