"""The kind `docker`: one hardened container per server, over the engine's API.

Decides: every setting of the container, the life of its stdio connection, and that it is removed whatever
happens. Does not decide what stands afterwards: `docker_evidence` reads that back from the live container.

The CLI is not used: `docker run -i` in a child would leave the container behind whenever that child dies.
Containers carry the owning process in a label, so that the next start removes what a killed host left.
"""

import logging
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from context.errors import GatehostError, SandboxError
from context.json_values import JsonObject
from sandboxes.attach_stream import AttachedInput, AttachedOutput
from sandboxes.background import beside
from sandboxes.container_api import OWNER_LABEL, RUN_LABEL, SERVER_LABEL, ContainerApi
from sandboxes.decoder import WireLimits, size_text
from sandboxes.docker_evidence import judge_container, live_process
from sandboxes.inner_env import inner_env
from sandboxes.interface import Evidence, SandboxHome, SandboxKind, SandboxSpec, WireCounts
from sandboxes.opened import Gone, Opened, exit_phrase
from sandboxes.owners import is_dead
from sandboxes.stderr_ring import StderrRing
from sandboxes.transport import wire
from sandboxes.user_choice import User, all_mounts, check_mounts, choose_user

logger = logging.getLogger(__name__)

_EXIT_SECONDS = 0.5
"""How long a server may take to leave by itself after its input has ended; then it is killed."""

_REMOVE_SECONDS = 20.0
_STATE_SECONDS = 2.0
_SHM_BYTES = 8 * 1024**2
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
        user = choose_user(all_mounts(spec))
        cpus = min(spec.cpus, float(os.cpu_count() or 1))
        name = f"gatehost-{spec.server}-{secrets.token_hex(6)}"
        config = _config(spec, image=image, user=user, cpus=cpus)
        api = await _call(ContainerApi, timeout=max(spec.start_timeout, 10.0))
        try:
            # The name is ours before the container is, so an interrupted creation is cleaned up as well.
            try:
                container = await _call(api.create, name, config)
                async with self._run(api, container, spec, user, cpus) as opened:
                    yield opened
            finally:
                with anyio.CancelScope(shield=True):
                    await _remove(api, name)
        finally:
            api.close()

    async def reap(self) -> list[str]:
        """See `interface.Sandbox.reap`."""
        return await _call(_reap)

    def _runtime_image(self) -> str:
        from sandboxes.image import runtime_image

        return runtime_image(self._home)

    @asynccontextmanager
    async def _run(
        self, api: ContainerApi, container: str, spec: SandboxSpec, user: User, cpus: float
    ) -> AsyncGenerator[Opened, None]:
        ring, gone, counts = StderrRing(), Gone(), WireCounts()
        schemas: dict[str, JsonObject] = {}
        with closing(await _call(api.attach, container)) as sock:
            stdin, stdout = AttachedInput(sock), AttachedOutput(sock, ring)
            await _call(api.start, container, server=spec.server, program=spec.program.argv[0])
            evidence = await _call(_evidence, api, container, spec, user, cpus)

            async def watch() -> None:
                await stdout.ended.wait()
                gone.tell(await _how_it_ended(api, container, spec))

            try:
                async with (
                    beside(watch),
                    wire(
                        stdin,
                        stdout,
                        server=spec.server,
                        limits=WireLimits(line_bytes=spec.line_bytes),
                        counts=counts,
                        output_schemas=schemas,
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


def _config(spec: SandboxSpec, *, image: str, user: User, cpus: float) -> dict[str, Any]:
    return {
        "Image": image,
        "Entrypoint": [spec.program.argv[0]],
        "Cmd": list(spec.program.argv[1:]),
        # The image's own PATH stays: an `oci:` image may keep its program anywhere.
        "Env": [f"{name}={value}" for name, value in inner_env(spec, own_path=True).items()],
        "User": str(user),
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
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": False,
            "IpcMode": "private",
            "Init": True,
            "Runtime": spec.runtime,
            "Memory": spec.memory,
            "MemorySwap": spec.memory,
            "NanoCpus": round(cpus * 1e9),
            "PidsLimit": spec.pids,
            "ShmSize": _SHM_BYTES,  # The engine mounts /dev/shm noexec.
            "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={spec.tmpfs},mode=1777"},
            "Ulimits": [
                {"Name": "core", "Soft": 0, "Hard": 0},
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


def _evidence(api: ContainerApi, container: str, spec: SandboxSpec, user: User, cpus: float) -> Evidence:
    inspected = api.inspect(container)
    if inspected is None:
        raise SandboxError("the sandbox was removed by another while it started", where=f"server {spec.server}")
    return judge_container(inspected, live_process(inspected), spec=spec, user=user, cpus=cpus)


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


def _reap() -> list[str]:
    try:
        connected = ContainerApi(timeout=30.0)
    except SandboxError:
        return []  # Where no engine answers, none of its containers runs; a later start looks again.
    with connected as api:
        return [name for name, owner in api.owned() if is_dead(owner) and api.remove(name)]


async def _call(call: "Callable[..., _Made]", *args: Any, abandon: bool = False, **options: Any) -> _Made:
    """A blocking call in a thread. It is not abandoned on cancellation: what it made must be known to be removed."""
    return await anyio.to_thread.run_sync(partial(call, *args, **options), abandon_on_cancel=abandon)


KIND = SandboxKind(name="docker", confines=True, unavailable=unavailable, make=DockerSandbox)
