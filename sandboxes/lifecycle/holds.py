"""What each sandbox of this machine holds servers to, and what it does not: the answer that `sandbox check` gives.

Decides: which kinds and runtimes are told of, and in which words. Does not decide any of it: it asks what the kinds
themselves ask when a server starts.
"""

import os
from dataclasses import dataclass

import anyio.to_thread

from context.json_values import JsonObject
from context.visible_text import escape_line
from sandboxes.bubblewrap import executes_writable
from sandboxes.containers.api import ContainerApi, EngineTraits
from sandboxes.docker import OF_THIS_KERNEL
from sandboxes.limits.cgroup_facts import cgroup_version
from sandboxes.limits.control_groups import can_hold
from sandboxes.limits.systemd_scope import can_scope
from sandboxes.processes.exec_places import unheld
from sandboxes.runtime.host_facts import has_systemd, is_root
from sandboxes.seccomp.filter import filter_program

_LIMITS = ("memory", "cpus", "pids", "disk")


@dataclass(frozen=True, slots=True)
class Holding:
    """One sandbox, and one runtime of it.

    Attributes:
        enforced: Limits that hold.
        lacking: What does not hold, each with why.
    """

    sandbox: str
    runtime: str
    enforced: tuple[str, ...]
    lacking: tuple[str, ...]

    def as_json(self) -> JsonObject:
        return {
            "sandbox": self.sandbox,
            "runtime": self.runtime or None,
            "enforced": list(self.enforced),
            "lacking": list(self.lacking),
        }


@dataclass(frozen=True, slots=True)
class Grounds:
    """What of this machine and its engine decides about limits.

    Attributes:
        cgroups: `1`, `2` or `none`: the version that holds the controllers for memory and processes.
        users: `this machine's`, `rootless` or `remapped`: whose ids the engine's containers have.
    """

    cgroups: str
    users: str
    holdings: tuple[Holding, ...]


async def look_around(*, engine: bool, bubblewrap: bool) -> Grounds:
    """Ask the machine, and what it has.

    Args:
        engine, bubblewrap: Whether these can be used at all.

    Raises:
        SandboxError: the engine stopped answering.
    """
    return await anyio.to_thread.run_sync(_look_around, engine, bubblewrap)


def _look_around(engine: bool, bubblewrap: bool) -> Grounds:
    found: list[Holding] = []
    users = "this machine's"
    if engine:
        with ContainerApi(timeout=10.0) as api:
            traits = api.traits()
        users = "rootless" if traits.rootless else "remapped" if traits.first_uid is not None else users
        found += [_of_runtime(name, traits) for name in sorted(traits.runtimes)]
    if bubblewrap:
        found.append(_of_bubblewrap())
    return Grounds(cgroup_version(), users, tuple(found))


def _of_runtime(name: str, traits: EngineTraits) -> Holding:
    held = {*traits.held_by(name), "disk"}
    lacking: list[str] = []
    if missing := [limit for limit in _LIMITS if limit not in held]:
        why = "it is registered to ignore control groups" if traits.holds else "the engine has no control groups"
        lacking.append(f"{', '.join(missing)}: {why}")
    if name in OF_THIS_KERNEL and (open_why := unheld()):
        lacking.append(f"files in writable mounts can be executed: {open_why}")
    return Holding("docker", escape_line(name, 60), tuple(limit for limit in _LIMITS if limit in held), tuple(lacking))


def _of_bubblewrap() -> Holding:
    grouped = (
        (frozenset({"memory", "cpus", "pids"}) if can_scope() else frozenset[str]()) if has_systemd() else can_hold()
    )
    held = {*grouped, "disk", *([] if is_root() else ["pids"])}
    lacking: list[str] = []
    why = "no control group can be had" if os.geteuid() == 0 else "that takes root, or a systemd of this user's"
    if "memory" not in held:
        lacking.append(f"memory, but for a bound on each process and a look at what is used: {why}")
    if "cpus" not in held:
        lacking.append(f"cpus: {why}")
    if "pids" not in held:
        lacking.append(f"pids, for servers that run as uid 0: {why}")
    if open_why := executes_writable():
        lacking.append(f"files in writable places can be executed: {open_why}")
    if filter_program() is None:
        lacking.append("system calls are not filtered: the calls of this machine's architecture are not known")
    lacking.append("the host's /usr can be read inside")
    return Holding("bubblewrap", "", tuple(limit for limit in _LIMITS if limit in held), tuple(lacking))
