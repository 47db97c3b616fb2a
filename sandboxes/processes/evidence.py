"""The walls of a live bubblewrap sandbox, read from `/proc`, held against what was declared.

Decides: which facts are read, which deviations are differences, and what this kind cannot enforce and says so.
Does not build any argument: that is `bubblewrap`.
"""

import os
import re
from dataclasses import dataclass

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from sandboxes.interface import Evidence, SandboxSpec
from sandboxes.limits.cgroup_facts import read_limits as read_groups
from sandboxes.limits.live_limits import limit_faults
from sandboxes.processes.proc_facts import MountFacts, ProcessFacts, read_limits, read_mounts
from sandboxes.processes.user_choice import User, all_mounts

_SHOWN_LIMITS = ("Max data size", "Max processes", "Max file size")
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True)
class Entered:
    """How the sandbox was entered, as far as it changes what can be expected.

    Attributes:
        outer_uid: Of the server's process, seen from outside.
        filtered: A system-call filter exists for this machine.
        counts_outside: A resource limit on processes counts the user's other processes too.
        grouped: Which of `memory`, `pids`, `cpus` a control group was asked to hold.
        executes_writable: Why files in writable places can be executed; empty when they cannot.
    """

    outer_uid: int
    filtered: bool
    counts_outside: bool
    root: bool
    grouped: frozenset[str] = frozenset()
    executes_writable: str = ""


def judge_namespaces(pid: int, process: ProcessFacts, *, spec: SandboxSpec, user: User, entered: Entered) -> Evidence:
    """The evidence for the live server `pid`."""
    mounts, limits = read_mounts(pid), read_limits(pid)
    wrong: list[str] = []
    cpus = min(spec.cpus, float(os.cpu_count() or 1))
    enforced, faults, unheld = limit_faults(read_groups(pid), spec, cpus=cpus, tell=entered.grouped)

    def expect(holds: bool, sentence: str) -> None:
        if not holds:
            wrong.append(sentence)

    expect(process.uid == user.uid, f"its process runs as uid {process.uid}")
    expect(process.capabilities == "0", f"its process holds capabilities {process.capabilities}")
    expect(process.no_new_privs, "its process can gain privileges")
    expect(process.seccomp == 2 or not entered.filtered, "no seccomp filter stands around its process")
    shared = {"mnt", "pid", "net", "ipc", "uts"} - set(process.apart)
    expect(not shared, f"its process shares the host's namespaces: {', '.join(sorted(shared))}")
    if "memory" not in entered.grouped:
        expect(limits.get("Max data size") == str(data_limit(spec)), "its memory limit is not as declared")
    expect(limits.get("Max file size") == str(spec.disk), "the size of its files is not bounded as declared")
    expect(limits.get("Max core file size") == "0", "it may write core files")
    # Where only resource limits are left for processes and memory, `_not_enforced` says what they do.
    wrong += [fault for fault in faults if not (fault.startswith("limits.pids ") and "pids" not in entered.grouped)]
    wrong += _mount_faults(mounts, spec)
    facts: JsonObject = {
        "process": {
            "uid": process.uid,
            "effective_capabilities": process.capabilities,
            "no_new_privileges": process.no_new_privs,
            "seccomp": process.seccomp,
            "namespaces": list(process.apart),
        },
        "network": "none" if "net" in process.apart else "the host's",
        **{name: value for name, value in enforced.items() if value is not None and name != "memory_and_swap"},
        "enforced": enforced,
        "disk": spec.disk,
        "limits": {name: limits[name] for name in _SHOWN_LIMITS if name in limits},
        "mounts": _listed(mounts),
        "secrets": [*sorted(spec.secrets)],
        "executes": "also what writable places hold"
        if entered.executes_writable
        else "only what lies in read-only places",
    }
    notes = [note for note in unheld if note.startswith(("cpus", "swap"))]
    return Evidence("bubblewrap", True, facts, tuple(wrong), (*user.notes, *notes, *_not_enforced(user, entered)))


def data_limit(spec: SandboxSpec) -> int:
    """Bytes of RLIMIT_DATA. It counts what is merely reserved too, and Node 24 reserves nearly 1 GiB at its start."""
    return spec.memory + 1024**3


def _not_enforced(user: User, entered: Entered) -> list[str]:
    notes = ["the host's /usr is readable inside"]
    if "memory" not in entered.grouped:
        notes.append(
            "memory is measured while it runs, and ends it; beforehand only each process is bounded on its own, with "
            "1 GiB on top for what it only reserves"
        )
    if entered.executes_writable:
        notes.append(f"files in /tmp, /dev/shm and writable mounts can be executed: {entered.executes_writable}")
    if not entered.filtered:
        notes.append("there is no system-call filter for this machine's architecture")
    if "pids" in entered.grouped:
        return notes
    if entered.root and user.uid == 0:
        notes.append("pids is not enforced: the kernel does not count the processes of uid 0")
    elif entered.counts_outside:
        notes.append(f"pids counts against all processes of uid {entered.outer_uid} on this machine")
    return notes


def _mount_faults(mounts: list[MountFacts], spec: SandboxSpec) -> list[str]:
    if not mounts:
        return ["its mounts cannot be read"]
    standing = {mount.at: mount for mount in mounts}  # The last one at a place is the one that is seen.
    declared = {_place(mount.at): mount.mode for mount in all_mounts(spec)}
    wrong: list[str] = []
    for at, mode in declared.items():
        mount = standing.get(at)
        if mount is None:
            wrong.append(f"the declared mount at {escape_line(at)} is missing")
        elif mode == "ro" and "ro" not in mount.options:
            wrong.append(f"the mount at {escape_line(at)} is writable")
        elif mode == "rw" and "ro" in mount.options:
            wrong.append(f"the mount at {escape_line(at)} is read-only")
    for at, mount in standing.items():
        if "rw" in mount.options and at not in declared and not _may_be_writable(at, declared):
            wrong.append(f"{escape_line(at)} is writable, and nobody declared it")
        if "nosuid" not in mount.options:
            wrong.append(f"set-id programs would work under {escape_line(at)}")
    scratch = standing.get("/tmp")
    if "/tmp" not in declared and (scratch is None or not 0 < _bytes(scratch.size) <= spec.tmpfs):
        wrong.append("its /tmp is not bounded as declared")
    return wrong


def _may_be_writable(at: str, declared: dict[str, str]) -> bool:
    if at in {"/tmp", "/dev/shm"} or at.startswith("/dev/"):
        return True
    # A file system that the host mounted somewhere below a writable folder comes along with it.
    return any(mode == "rw" and at.startswith(folder.rstrip("/") + "/") for folder, mode in declared.items())


def _listed(mounts: list[MountFacts]) -> list[JsonValue]:
    return [
        {"at": mount.at, "kind": mount.kind, "mode": "rw" if "rw" in mount.options else "ro"}
        for mount in mounts
        if not mount.at.startswith("/dev/")
    ]


def _bytes(size: str) -> int:
    match = re.fullmatch(r"(\d+)([kmg]?)", size)
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _place(path: str) -> str:
    return re.sub(r"/+", "/", path).rstrip("/") or "/"
