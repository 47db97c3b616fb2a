"""The kind `docker`: one hardened container per server, over the engine's API.

Decides: every setting of the container, the life of its stdio connection, and that it is removed whatever
happens. Does not decide what stands afterwards: `containers.evidence` reads that back from the live container.

The engine's own seccomp profile is not used, nor its choice of what is read-only under /dev and /proc. What no engine
can bound is bounded by us: files run only from read-only places (`exec_places`), secrets are files in memory
(`secrets.files`), and what is added to writable mounts is measured (`disk_watch`).

The CLI is not used: `docker run -i` in a child would leave the container behind whenever that child dies.
Containers carry the owning process in a label, so that the next start removes what a killed host left.
"""

import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from context.errors import GatehostError, SandboxError
from context.json_values import JsonObject
from context.visible_text import escape_line
from sandboxes.background import beside
from sandboxes.containers.api import OWNER_LABEL, RUN_LABEL, SERVER_LABEL, ContainerApi, EngineTraits
from sandboxes.containers.attach_stream import AttachedInput, AttachedOutput
from sandboxes.containers.evidence import Granted, judge_container, live_pid, live_process
from sandboxes.interface import Evidence, SandboxHome, SandboxKind, SandboxSpec, WireCounts
from sandboxes.lifecycle.owners import is_dead
from sandboxes.limits.cgroup_facts import read_limits
from sandboxes.limits.disk_watch import watch_disk
from sandboxes.opened import Gone, Opened, exit_phrase
from sandboxes.processes.exec_places import launched, unheld
from sandboxes.processes.inner_env import inner_env
from sandboxes.processes.user_choice import UserSpace, all_mounts, check_mounts, choose_user
from sandboxes.seccomp.profile import docker_profile
from sandboxes.secrets.files import reap_secret_files, with_secret_files
from sandboxes.secrets.values import SecretValues
from sandboxes.wire.decoder import WireLimits, size_text
from sandboxes.wire.stderr_ring import StderrRing
from sandboxes.wire.transport import wire

logger = logging.getLogger(__name__)

_EXIT_SECONDS = 0.5
"""How long a server may take to leave by itself after its input has ended; then it is killed."""

_REMOVE_SECONDS = 20.0
_STATE_SECONDS = 2.0
_SHM_BYTES = 8 * 1024**2
OF_THIS_KERNEL = frozenset(
    {"runc", "crun", "io.containerd.runc.v2", "io.containerd.runc.v1", "io.containerd.runtime.v1.linux"}
)
"""Runtimes whose containers are processes of this kernel; others (gVisor, Kata) have one of their own."""

_MASKED = (
    *(
        "/proc/asound",
        "/proc/acpi",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/kmsg",
        "/proc/latency_stats",
    ),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo"),
    *("/sys/firmware", "/sys/fs/bpf", "/sys/kernel/debug", "/sys/kernel/security", "/sys/devices/virtual/powercap"),
)
# uid 0 may write to what it owns without any capability: a small /dev where files could be executed, queues.
_READ_ONLY = (
    *("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"),
    *("/dev", "/dev/mqueue"),
)
_Made = TypeVar("_Made")


class DockerSandbox:
    """See `interface.Sandbox`."""

    def __init__(self, home: SandboxHome) -> None:
        self._home = home

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[Opened, None]:
        """See `interface.Sandbox.open`."""
        check_mounts(spec)
        image = spec.program.image or self._runtime_image()
        name = f"gatehost-{spec.server}-{secrets.token_hex(6)}"
        async with with_secret_files(spec) as spec:
            api = await _call(ContainerApi, timeout=max(spec.start_timeout, 10.0))
            try:
                granted = _granted(spec, await _call(api.traits))
                config = _config(spec, image=image, granted=granted)
                # The name is ours before the container is, so an interrupted creation is cleaned up as well.
                try:
                    container = await _call(api.create, name, config)
                    async with self._run(api, container, spec, granted) as opened:
                        yield opened
                finally:
                    with anyio.CancelScope(shield=True):
                        await _remove(api, name)
            finally:
                api.close()

    async def reap(self, servers: Collection[str] | None = None) -> list[str]:
        """See `interface.Sandbox.reap`."""
        return [*await _call(_reap, servers), *await _call(reap_secret_files, servers)]

    def _runtime_image(self) -> str:
        from sandboxes.runtime.image import runtime_image

        return runtime_image(self._home)

    @asynccontextmanager
    async def _run(
        self, api: ContainerApi, container: str, spec: SandboxSpec, granted: Granted
    ) -> AsyncGenerator[Opened, None]:
        hidden = SecretValues(spec.secrets)
        ring, gone, counts = StderrRing(secrets=hidden), Gone(), WireCounts()
        schemas: dict[str, JsonObject] = {}
        with closing(await _call(api.attach, container)) as sock:
            stdin, stdout = AttachedInput(sock), AttachedOutput(sock, ring)
            await _call(api.start, container, server=spec.server, program=spec.program.argv[0])
            evidence = await _call(_evidence, api, container, spec, granted)

            async def watch() -> None:
                await stdout.ended.wait()
                gone.tell(await _how_it_ended(api, container, spec))

            async def bound_disk() -> None:
                full: list[str] = []
                await watch_disk(_writable(spec), spec.disk, full.append)
                if full:
                    gone.tell(full[0])
                    with suppress(SandboxError):
                        await _call(api.remove, container)

            try:
                async with (
                    beside(watch, bound_disk),
                    wire(
                        stdin,
                        stdout,
                        server=spec.server,
                        limits=WireLimits(line_bytes=spec.line_bytes),
                        counts=counts,
                        output_schemas=schemas,
                        secrets=hidden,
                    ) as (read, write),
                ):
                    yield Opened(
                        read=read,
                        write=write,
                        evidence=evidence,
                        counts=counts,
                        output_schemas=schemas,
                        ring=ring,
                        gone=gone,
                    )
            finally:
                gone.tell("closed by its host")
                with anyio.move_on_after(_EXIT_SECONDS, shield=True):
                    await stdout.drain()


def unavailable() -> str | None:
    """Why no container can be had, with the next step, or None. Blocks for at most some seconds."""
    try:
        with ContainerApi(timeout=5.0):
            return None
    except SandboxError as error:
        return error.sentence()


def _granted(spec: SandboxSpec, traits: EngineTraits) -> Granted:
    """What this engine and this machine have to give.

    Raises:
        SandboxError: a limit that the operator wrote down cannot be enforced.
    """
    held = traits.held_by(spec.runtime)
    if missing := sorted((spec.written & {"memory", "pids", "cpus"}) - held):
        why = "is registered to ignore control groups" if traits.holds else "is held to no limits by this engine"
        raise SandboxError(
            f"limits.{' and limits.'.join(missing)} cannot be enforced: the runtime {escape_line(spec.runtime)} {why}",
            where=f"server {spec.server}",
            next_step="Register it without --ignore-cgroups, take another `runtime`, or remove these limits, "
            "which then are noted as not enforced; `gatehost sandbox check` shows what each runtime holds",
        )
    space = UserSpace(own=os.geteuid()) if traits.rootless else None
    if traits.first_uid is not None:
        space = UserSpace(first=traits.first_uid, size=2**16)
    kernel = spec.runtime in OF_THIS_KERNEL
    why = unheld() if kernel else None
    if spec.program.image is not None:
        why = "an image of its own has no launcher of ours"
    return Granted(
        user=choose_user(all_mounts(spec), space),
        cpus=min(spec.cpus, float(os.cpu_count() or 1)),
        held=held,
        own_users="rootless" if traits.rootless else "remapped" if traits.first_uid is not None else "",
        own_kernel=not kernel,
        executes_writable=why or "",
    )


def _config(spec: SandboxSpec, *, image: str, granted: Granted) -> dict[str, Any]:
    own_image = spec.program.image is not None
    bare = own_image or (granted.executes_writable and not granted.own_kernel)
    command = list(spec.program.argv) if bare else launched(spec, own_kernel=granted.own_kernel)
    return {
        "Image": image,
        "Entrypoint": [command[0]],
        "Cmd": command[1:],
        # The image's own PATH stays: an `oci:` image may keep its program anywhere.
        "Env": [f"{name}={value}" for name, value in inner_env(spec, own_path=True).items()],
        "User": str(granted.user),
        "Hostname": "sandbox",
        "NetworkDisabled": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "StopTimeout": 0,
        "Labels": {OWNER_LABEL: spec.owner, RUN_LABEL: spec.run_id, SERVER_LABEL: spec.server},
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges", f"seccomp={docker_profile()}"],
            "MaskedPaths": list(_MASKED),
            "ReadonlyPaths": list(_READ_ONLY),
            "Privileged": False,
            "IpcMode": "private",
            "Init": True,
            "Runtime": spec.runtime,
            "Memory": spec.memory,
            "MemorySwap": spec.memory,
            "NanoCpus": round(granted.cpus * 1e9),
            "PidsLimit": spec.pids,
            "ShmSize": _SHM_BYTES,  # The engine mounts /dev/shm noexec.
            "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={spec.tmpfs},mode=1777"},
            "Ulimits": [
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "fsize", "Soft": spec.disk, "Hard": spec.disk},
                {"Name": "nofile", "Soft": 1024, "Hard": 4096},
            ],
            "LogConfig": {"Type": "none", "Config": {}},  # A log would fill the host's disk with hostile output.
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": str(mount.host),
                    "Target": mount.at,
                    "ReadOnly": mount.mode == "ro",
                    # Without this, a file system mounted below a read-only folder would stay writable.
                    "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
                }
                for mount in all_mounts(spec)
            ],
        },
    }


def _writable(spec: SandboxSpec) -> list[Path]:
    return [mount.host for mount in all_mounts(spec) if mount.mode == "rw"]


def _evidence(api: ContainerApi, container: str, spec: SandboxSpec, granted: Granted) -> Evidence:
    inspected = api.inspect(container)
    if inspected is None:
        raise SandboxError("the sandbox was removed by another while it started", where=f"server {spec.server}")
    pid = live_pid(inspected)
    limits = read_limits(pid) if pid is not None else None
    process = live_process(inspected) if spec.runtime in OF_THIS_KERNEL else None
    return judge_container(inspected, process, limits, spec=spec, granted=granted)


async def _how_it_ended(api: ContainerApi, container: str, spec: SandboxSpec) -> str:
    """The engine closes the streams a moment before it has noted the end."""
    deadline = time.monotonic() + _STATE_SECONDS
    while True:
        try:
            inspected = await _call(api.inspect, container)
        except GatehostError:
            return "ended; the engine does not say how"
        if inspected is None:
            return "removed"
        state: dict[str, Any] = inspected.get("State") or {}
        if not state.get("Running"):
            if state.get("OOMKilled"):
                return f"out of memory (limit {size_text(spec.memory)})"
            return exit_phrase(int(state.get("ExitCode") or 0))
        if time.monotonic() > deadline:
            return "closed its output and went on running"
        await anyio.sleep(0.05)


async def _remove(api: ContainerApi, name: str) -> None:
    with anyio.move_on_after(_REMOVE_SECONDS):
        for attempt in (1, 2):
            try:
                await _call(api.remove, name, abandon=True)
            except SandboxError as error:
                if attempt == 2:
                    logger.warning("sandbox %s stays behind until the next start: %s", name, error.what)
            else:
                return


def _reap(servers: Collection[str] | None) -> list[str]:
    try:
        connected = ContainerApi(timeout=30.0)
    except SandboxError:
        return []  # Where no engine answers, none of its containers runs; a later start looks again.
    with connected as api:
        return [
            held.name
            for held in api.owned()
            if (servers is None or held.server in servers) and is_dead(held.owner) and api.remove(held.name)
        ]


async def _call(call: "Callable[..., _Made]", *args: Any, abandon: bool = False, **options: Any) -> _Made:
    """A blocking call in a thread. It is not abandoned on cancellation: what it made must be known to be removed."""
    return await anyio.to_thread.run_sync(partial(call, *args, **options), abandon_on_cancel=abandon)


KIND = SandboxKind(name="docker", confines=True, unavailable=unavailable, make=DockerSandbox)
