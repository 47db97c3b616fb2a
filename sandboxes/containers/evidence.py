"""The walls of a live container: what the engine and the kernel report, held against what was declared.

Decides: which facts are read and which deviations are differences. Does not build any setting: that is
`docker`, and the two share no constants on purpose, so that a mistake there shows up here.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from context.json_values import JsonObject, JsonValue, digest_bytes
from context.visible_text import escape_line
from sandboxes.interface import Evidence, SandboxSpec
from sandboxes.limits.cgroup_facts import LiveLimits
from sandboxes.limits.live_limits import limit_faults
from sandboxes.processes.proc_facts import ProcessFacts, read_process
from sandboxes.processes.user_choice import User, all_mounts

_CLOSED_CALLS = frozenset(
    {"io_uring_setup", "userfaultfd", "keyctl", "bpf", "perf_event_open", "ptrace", "unshare", "setns", "mount"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What one container was asked for beyond its declaration.

    Attributes:
        cpus: As granted; a machine with fewer has no more to give.
        held: Which of `memory`, `pids`, `cpus` the engine and the runtime can hold it to.
        own_users: The engine's ids are not this machine's: it is `rootless`, or `remapped` its user namespaces.
        own_kernel: The runtime has a kernel of its own.
        executes_writable: Why files in writable mounts can be executed; empty when they cannot.
    """

    user: User
    cpus: float
    held: frozenset[str] = frozenset({"memory", "pids", "cpus"})
    own_users: Literal["", "rootless", "remapped"] = ""
    own_kernel: bool = False
    executes_writable: str = ""


def live_pid(inspected: Mapping[str, Any]) -> int | None:
    """The container's first process as we count, when it can be told for sure that it is that one.

    The engine may count processes in another pid namespace; then its number would be some stranger's. Its control
    group carries the container's id, and so do the arguments of a runtime that ignores control groups.
    """
    pid, container = int(_at(inspected, "State", "Pid") or 0), str(inspected.get("Id"))
    if pid <= 0 or len(container) < 32:
        return None
    for name in ("cgroup", "cmdline"):
        try:
            if container.encode() in (Path("/proc") / str(pid) / name).read_bytes():
                return pid
        except OSError:
            return None
    return None


def live_process(inspected: Mapping[str, Any]) -> ProcessFacts | None:
    """What the kernel says of that process, or None when that cannot be had."""
    pid = live_pid(inspected)
    return read_process(pid) if pid is not None else None


def judge_container(
    inspected: Mapping[str, Any],
    process: ProcessFacts | None,
    limits: LiveLimits | None,
    *,
    spec: SandboxSpec,
    granted: Granted,
) -> Evidence:
    """The evidence for one container.

    Args:
        inspected: The engine's `inspect` of the live container.
        process: What the kernel says of its first process, or None when that cannot be had, or when the server is
            no process of this kernel.
        limits: What its control groups hold it to, or None when they cannot be read from here.
    """
    user, cpus = granted.user, granted.cpus
    host: Mapping[str, Any] = inspected.get("HostConfig") or {}
    wrong: list[str] = []

    def expect(holds: bool, sentence: str) -> None:
        if not holds:
            wrong.append(sentence)

    options = _options(host)
    ulimits = {str(item.get("Name")): item.get("Hard") for item in _objects(host.get("Ulimits"))}
    networks = sorted(cast("dict[str, Any]", _at(inspected, "NetworkSettings", "Networks") or {}))
    tmpfs = cast("dict[str, str]", host.get("Tmpfs") or {})
    expect(not host.get("Privileged"), "the container is privileged")
    expect("ALL" in _texts(host.get("CapDrop")) and not host.get("CapAdd"), "capabilities were not all dropped")
    expect(any(option.startswith("no-new-privileges") for option in options), "no-new-privileges is not set")
    expect(not any("unconfined" in option for option in options), "a security profile is switched off")
    expect(_closes(host), "its system-call filter is not ours")
    expect("/dev" in _texts(host.get("ReadonlyPaths")), "its /dev is writable")
    expect("/proc/kcore" in _texts(host.get("MaskedPaths")), "the kernel's memory is not masked")
    expect(ulimits.get("core") == 0, "it may write core files")
    expect(ulimits.get("fsize") == spec.disk, "the size of its files is not bounded as declared")
    expect(_at(inspected, "Config", "Hostname") == "sandbox", "its host name is not the fixed one")
    expect(host.get("NetworkMode") == "none" and networks in ([], ["none"]), "it has a network")
    expect(host.get("ReadonlyRootfs") is True, "its root is writable")
    expect(host.get("Memory") == spec.memory, f"its memory limit is {host.get('Memory')}, not {spec.memory}")
    expect(host.get("MemorySwap") == spec.memory, "swap is not counted in its memory limit")
    expect(
        host.get("PidsLimit") == spec.pids, f"its process limit is {host.get('PidsLimit')}, declared was {spec.pids}"
    )
    expect(
        host.get("NanoCpus") == round(cpus * 1e9), f"its CPU limit is {host.get('NanoCpus')} ns, declared was {cpus}"
    )
    expect(host.get("Runtime") == spec.runtime, f"its runtime is not {escape_line(spec.runtime)}")
    expect(host.get("PidMode") in ("", None) and host.get("UTSMode") in ("", None), "it shares a namespace of the host")
    expect(host.get("IpcMode") in ("private", "none"), "it shares the host's or another's IPC namespace")
    expect(not host.get("Devices") and not host.get("DeviceRequests"), "it has devices")
    expect(_at(inspected, "Config", "User") == str(user), "it runs as another user than chosen")
    expect(_at(host, "LogConfig", "Type") == "none", "the engine keeps a log of its output")
    expect(set(tmpfs) == {"/tmp"} and _is_tight(tmpfs.get("/tmp", ""), spec.tmpfs), "its /tmp is not as declared")
    mounts, faults = _mounts(inspected, spec)
    wrong += faults
    facts: JsonObject = {
        "container": str(inspected.get("Id", ""))[:12],
        "image": str(inspected.get("Image", "")),
        "runtime": str(host.get("Runtime", "")),
        "user": str(_at(inspected, "Config", "User") or ""),
        "capabilities": [] if "ALL" in _texts(host.get("CapDrop")) else ["engine defaults"],
        "network": str(host.get("NetworkMode", "")),
        "read_only_root": bool(host.get("ReadonlyRootfs")),
        "security_options": list(options),
        "memory": _number(host.get("Memory")),
        "memory_and_swap": _number(host.get("MemorySwap")),
        "pids": _number(host.get("PidsLimit")),
        "cpus": (_number(host.get("NanoCpus")) or 0) / 1e9,
        "tmpfs": dict(tmpfs),
        "disk": spec.disk,
        "mounts": mounts,
        "secrets": [*sorted(spec.secrets)],
        "executes": "also what writable mounts hold"
        if granted.executes_writable
        else "only what lies in read-only places",
    }
    notes = [*user.notes, *_told(spec, granted)]
    if limits is None:
        notes.append("its control groups cannot be read from here; the engine's word on its limits stands")
    else:
        facts["enforced"], faults, unheld = limit_faults(limits, spec, cpus=cpus, tell=granted.held)
        wrong += faults
        notes += unheld
    if process is None:
        whose = (
            "its processes are those of another kernel"
            if granted.own_kernel
            else "its process cannot be seen from here"
        )
        notes.append(f"{whose}; on its identity and its capabilities the engine's word stands")
    else:
        facts["process"] = {
            "uid": process.uid,
            "effective_capabilities": process.capabilities,
            "no_new_privileges": process.no_new_privs,
            "seccomp": process.seccomp,
            "namespaces": list(process.apart),
        }
        expect(process.uid == user.uid, f"its process runs as uid {process.uid}")
        expect(process.capabilities == "0", f"its process holds capabilities {process.capabilities}")
        expect(process.no_new_privs, "its process can gain privileges")
        expect(process.seccomp == 2, "no seccomp filter stands around its process")
        shared = {"mnt", "pid", "net", "ipc", "uts"} - set(process.apart)
        expect(not shared, f"its process shares the host's namespaces: {', '.join(sorted(shared))}")
    return Evidence("docker", True, facts, tuple(wrong), tuple(notes))


def _told(spec: SandboxSpec, granted: Granted) -> Iterable[str]:
    if granted.executes_writable and any(mount.mode == "rw" for mount in all_mounts(spec)):
        yield f"files in its writable mounts can be executed: {granted.executes_writable}"
    if granted.own_users:
        how = "is rootless" if granted.own_users == "rootless" else "remaps user namespaces"
        yield f"the engine {how}: ids inside are not this machine's"


def _options(host: Mapping[str, Any]) -> list[str]:
    """The security options, a profile's text as its digest."""
    return [
        f"seccomp={digest_bytes(option.removeprefix('seccomp=').encode())}"
        if option.startswith("seccomp={")
        else option
        for option in _texts(host.get("SecurityOpt"))
    ]


def _closes(host: Mapping[str, Any]) -> bool:
    """Whether the profile that the engine took refuses by default and allows none of what only an escape needs."""
    for option in _texts(host.get("SecurityOpt")):
        if option.startswith("seccomp={"):
            try:
                profile = json.loads(option.removeprefix("seccomp="))
                allowed = {
                    str(name)
                    for rule in profile["syscalls"]
                    if rule["action"] not in {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"}
                    for name in rule["names"]
                }
            except (ValueError, KeyError, TypeError):
                return False
            return profile.get("defaultAction") == "SCMP_ACT_ERRNO" and not allowed & _CLOSED_CALLS
    return False


def _mounts(inspected: Mapping[str, Any], spec: SandboxSpec) -> tuple[list[JsonValue], list[str]]:
    declared = {_place(mount.at): (str(mount.host), mount.mode == "rw") for mount in all_mounts(spec)}
    listed: list[JsonValue] = []
    wrong: list[str] = []
    seen: set[str] = set()
    for mount in cast("list[dict[str, Any]]", inspected.get("Mounts") or []):
        at, source, writable = str(mount.get("Destination")), str(mount.get("Source")), bool(mount.get("RW"))
        listed.append({"at": at, "host": source, "mode": "rw" if writable else "ro"})
        seen.add(_place(at))
        wanted = declared.get(_place(at))
        if wanted is None:
            wrong.append(f"something is mounted at {escape_line(at)} that nobody declared")
        elif wanted != (source, writable):
            wrong.append(f"the mount at {escape_line(at)} is not the declared one")
    wrong += [f"the declared mount at {escape_line(at)} is missing" for at in sorted(set(declared) - seen)]
    return listed, wrong


def _is_tight(options: str, size: int) -> bool:
    given = set(options.split(","))
    return {"noexec", "nosuid", "nodev", f"size={size}"} <= given


def _place(path: str) -> str:
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def _at(value: Mapping[str, Any], *keys: str) -> Any:
    found: Any = value
    for key in keys:
        found = cast("Mapping[str, Any]", found).get(key) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> list[str]:
    return [str(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def _objects(value: Any) -> list[Mapping[str, Any]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Mapping[str, Any]", item) for item in items if isinstance(item, Mapping)]


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
