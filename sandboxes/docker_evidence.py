"""The walls of a live container: what the engine and the kernel report, held against what was declared.

Decides: which facts are read and which deviations are differences. Does not build any setting: that is
`docker`, and the two share no constants on purpose, so that a mistake there shows up here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from sandboxes.interface import Evidence, SandboxSpec
from sandboxes.proc_facts import ProcessFacts, read_process
from sandboxes.user_choice import User, all_mounts

_KERNEL_RUNTIMES = frozenset({"runc", "crun", "io.containerd.runc.v2"})
"""Runtimes whose containers are processes of this kernel; others (gVisor, Kata) have one of their own."""


def live_process(inspected: Mapping[str, Any]) -> ProcessFacts | None:
    """The container's first process as our kernel sees it, when it can be told for sure that it is that one."""
    pid = int(_at(inspected, "State", "Pid") or 0)
    if pid <= 0 or _at(inspected, "HostConfig", "Runtime") not in _KERNEL_RUNTIMES:
        return None
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    # The engine may count processes in another pid namespace; then this id would be some stranger.
    return read_process(pid) if str(inspected.get("Id")) in groups else None


def judge_container(
    inspected: Mapping[str, Any], process: ProcessFacts | None, *, spec: SandboxSpec, user: User, cpus: float
) -> Evidence:
    """The evidence for one container.

    Args:
        inspected: The engine's `inspect` of the live container.
        process: What the kernel says of its first process, or None when that cannot be had.
        cpus: As granted; a machine with fewer has no more to give.
    """
    host: Mapping[str, Any] = inspected.get("HostConfig") or {}
    wrong: list[str] = []

    def expect(holds: bool, sentence: str) -> None:
        if not holds:
            wrong.append(sentence)

    options = _texts(host.get("SecurityOpt"))
    networks = sorted(cast("dict[str, Any]", _at(inspected, "NetworkSettings", "Networks") or {}))
    tmpfs = cast("dict[str, str]", host.get("Tmpfs") or {})
    expect(not host.get("Privileged"), "the container is privileged")
    expect("ALL" in _texts(host.get("CapDrop")) and not host.get("CapAdd"), "capabilities were not all dropped")
    expect(any(option.startswith("no-new-privileges") for option in options), "no-new-privileges is not set")
    expect(not any("unconfined" in option for option in options), "a security profile is switched off")
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
        "mounts": mounts,
    }
    notes = [*user.notes]
    if user.uid == 0:
        notes.append("uid 0 may write to the container's own small /dev, where files can be executed")
    if process is None:
        notes.append("the kernel's view of its process cannot be read from here; the engine's word stands")
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


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
