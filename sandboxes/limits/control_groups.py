"""A control group of our own around one server, where no engine makes one: memory, processes and processor time.

Decides: whether a group can be had here (root, and controllers that are mounted and writable), its limits, and that it
goes with its server. Does not decide what happens where none can be had: the kind falls back to resource limits and
says so. What stands is read back by `cgroup_facts`.

The group lies below the one that this process is in, so that limits around us hold for servers too. In version 2 a
group that has processes of its own cannot hand controllers down, unless it is the root; then no group is made.
"""

import os
import secrets
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandboxes.limits.cgroup_facts import Controller, GroupFolder, group_folder

_CONTROLLERS: tuple[Controller, ...] = ("memory", "pids", "cpu")
_PARENT = "gatehost"
_PERIOD = 100_000
_LEAST_QUOTA = 1_000
_REMOVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """A made group: one folder per controller in version 1, one for all in version 2.

    Attributes:
        held: The limits that were set: of `memory`, `pids`, `cpus`.
    """

    folders: tuple[Path, ...]
    held: frozenset[str]

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from now on is in too. Raises: OSError."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))


@contextmanager
def control_group(server: str, *, memory: int, pids: int, cpus: float) -> Generator[ControlGroup, None, None]:
    """A group with these limits, as far as they can be had; `held` is empty where none can. On exit it is gone.

    Args:
        server: Whose it is; a part of its name.
        memory: Bytes, swap included where the kernel counts it.
    """
    name = f"{os.getpid()}-{server}-{secrets.token_hex(6)}"
    made: list[Path] = []
    held: set[str] = set()
    try:
        for controller in _CONTROLLERS if os.geteuid() == 0 else ():
            parent = group_folder("self", controller)
            if parent is None:
                continue
            with suppress(OSError):
                folder = _make(parent, controller, name, made)
                _limit(folder, parent.version, controller, memory=memory, pids=pids, cpus=cpus)
                held.add("cpus" if controller == "cpu" else controller)
        yield ControlGroup(tuple(made), frozenset(held))
    finally:
        for folder in made:
            _remove(folder)


def can_hold() -> frozenset[str]:
    """Which of `memory`, `pids`, `cpus` a group made here would hold. It is tried, not guessed."""
    with control_group("trial", memory=64 * 1024**2, pids=16, cpus=0.5) as group:
        return group.held


def reap_groups(servers: Collection[str] | None = None) -> list[str]:
    """Remove groups that have no process any more: their servers died with a host that was killed.

    Args:
        servers: Only of these; of all when None.
    """
    removed: list[str] = []
    if os.geteuid() != 0:
        return removed
    for controller in _CONTROLLERS:
        parent = group_folder("self", controller)
        if parent is None:
            continue
        for folder in (parent.path / _PARENT).glob("*-*"):
            pid, _, rest = folder.name.partition("-")
            of_others = servers is not None and rest.rpartition("-")[0] not in servers
            if not of_others and not Path("/proc", pid).exists():
                with suppress(OSError):  # Not empty: somebody still lives there.
                    folder.rmdir()
                    removed.append(folder.name)
    return sorted(set(removed))


def _make(parent: GroupFolder, controller: Controller, name: str, made: list[Path]) -> Path:
    """Raises: OSError."""
    folder = parent.path / _PARENT / name
    if parent.version == 2:
        for above in (parent.path, parent.path / _PARENT):
            above.mkdir(exist_ok=True)
            (above / "cgroup.subtree_control").write_text(f"+{controller}")
    folder.parent.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    if folder not in made:
        made.append(folder)
    return folder


def _limit(folder: Path, version: int, controller: Controller, *, memory: int, pids: int, cpus: float) -> None:
    """Raises: OSError."""
    quota = max(_LEAST_QUOTA, round(cpus * _PERIOD))
    if controller == "pids":
        (folder / "pids.max").write_text(str(pids))
    elif controller == "cpu" and version == 2:
        (folder / "cpu.max").write_text(f"{quota} {_PERIOD}")
    elif controller == "cpu":
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (folder / "cpu.cfs_quota_us").write_text(str(quota))
    elif version == 2:
        (folder / "memory.max").write_text(str(memory))
        with suppress(OSError):  # A kernel without swap has no such file.
            (folder / "memory.swap.max").write_text("0")
    else:
        (folder / "memory.limit_in_bytes").write_text(str(memory))
        with suppress(OSError):  # A kernel may count no swap.
            (folder / "memory.memsw.limit_in_bytes").write_text(str(memory))


def _remove(folder: Path) -> None:
    """The kernel takes a moment to forget the last process."""
    end = time.monotonic() + _REMOVE_SECONDS
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > end:
                return
            time.sleep(0.002)
