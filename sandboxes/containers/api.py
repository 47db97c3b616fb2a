"""The few calls to a local container engine that a sandbox needs, blocking, with our errors.

Decides: which engines are taken at all, and how the engine's refusals are told. Does not decide what a
container may do: `docker` passes the settings, `evidence` reads them back.
"""

import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from context.errors import SandboxError, ServerError
from context.visible_text import escape_line
from sandboxes.runtime.engine import connect, named_address

if TYPE_CHECKING:
    from docker import APIClient

OWNER_LABEL = "gatehost.owner"
RUN_LABEL = "gatehost.run"
SERVER_LABEL = "gatehost.server"

_IGNORES = re.compile(r"--?ignore-cgroups(=true|=1|=t)?", re.IGNORECASE)
_FIRST_IDS = re.compile(r"/(\d+)\.\d+/?$")
_Args = ParamSpec("_Args")
_Made = TypeVar("_Made")


def _told(call: Callable[_Args, _Made]) -> Callable[_Args, _Made]:
    """Faults of the connection as ours; what a call knows better it has said itself."""

    @wraps(call)
    def calling(*args: _Args.args, **options: _Args.kwargs) -> _Made:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            return call(*args, **options)
        except (DockerException, RequestException, OSError) as error:
            raise SandboxError(
                f"the container engine stopped answering: {escape_line(str(error), 200)}",
                next_step="Check the engine with `gatehost doctor`",
            ) from error

    return calling


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What the engine says of itself that changes what a sandbox can be.

    Attributes:
        rootless: It runs as an ordinary user; uid 0 of a container is that user.
        first_uid: With user namespaces remapped, the uid here that is uid 0 of a container; else None.
        holds: Which of `memory`, `pids`, `cpus` it can hold containers to.
        runtimes: OCI runtime → the arguments that the engine gives it.
    """

    rootless: bool = False
    first_uid: int | None = None
    holds: frozenset[str] = frozenset({"memory", "pids", "cpus"})
    runtimes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def held_by(self, runtime: str) -> frozenset[str]:
        """Which limits stand under one runtime: gVisor may be registered to ignore control groups altogether."""
        ignores = any(_IGNORES.fullmatch(argument) for argument in self.runtimes.get(runtime, ()))
        return frozenset() if ignores else self.holds


def traits_of(info: Mapping[str, Any]) -> EngineTraits:
    """From the engine's own `info`."""
    options = [str(option) for option in cast("list[object]", info.get("SecurityOptions") or [])]
    remapped = any(option.startswith("name=userns") for option in options)
    # The engine keeps each remapping's files in a folder of its own, named after the first ids.
    first = _FIRST_IDS.search(str(info.get("DockerRootDir", ""))) if remapped else None
    flags = {"memory": "MemoryLimit", "pids": "PidsLimit", "cpus": "CpuCfsQuota"}
    runtimes: dict[str, tuple[str, ...]] = {}
    for name, entry in cast("dict[str, dict[str, Any]]", info.get("Runtimes") or {}).items():
        runtimes[name] = tuple(str(item) for item in cast("list[object]", entry.get("runtimeArgs") or []))
    return EngineTraits(
        rootless=any(option.startswith("name=rootless") for option in options),
        first_uid=int(first[1]) if first else None,
        # Rootless without delegated control groups, an engine says "none" and ignores every limit.
        holds=frozenset(name for name, flag in flags.items() if info.get(flag) is not False)
        if str(info.get("CgroupDriver", "")) != "none"
        else frozenset(),
        runtimes=runtimes,
    )


@dataclass(frozen=True, slots=True)
class Owned:
    """A container of ours: its name, and what its labels say."""

    name: str
    owner: str
    server: str


class ContainerApi:
    """One connection to the engine. Use as a context manager; every method blocks.

    Args:
        timeout: Seconds for each request.

    Raises:
        SandboxError: no engine answers, or it is not on this machine.
    """

    def __init__(self, *, timeout: float) -> None:
        check_local()
        self._client = connect(timeout=timeout)
        self._api: APIClient = self._client.api

    def __enter__(self) -> "ContainerApi":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @_told
    def traits(self) -> EngineTraits:
        """What the engine says of itself now; it may be reconfigured at any time."""
        return traits_of(self._api.info())

    @_told
    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the engine's own configuration object; its id.

        Raises:
            SandboxError: the engine refused; the message is its own, escaped.
        """
        from docker.errors import APIError, ImageNotFound

        try:
            made = cast("dict[str, Any]", self._api.create_container_from_config(dict(config), name))
        except ImageNotFound as error:
            raise SandboxError(
                f"the image {escape_line(str(config.get('Image', '')), 100)} is not there",
                next_step="Run `gatehost sandbox build`, or pull the image",
            ) from error
        except APIError as error:
            raise SandboxError(
                f"the engine refused to create the sandbox: {_explained(error)}",
                next_step="Check the server's runtime, limits and mounts; `gatehost doctor` checks the engine",
            ) from error
        return str(made["Id"])

    @_told
    def attach(self, container: str) -> socket.socket:
        """A non-blocking socket on the container's three streams. Attach before the start, or bytes are lost."""
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        held = cast("Any", self._api.attach_socket(container, params=params))
        try:
            taken = socket.socket(fileno=os.dup(held.fileno()))
        finally:
            # The client library hands out a file over a socket of its own and closes neither.
            under = getattr(held, "_sock", None)
            for handle in (held, under):
                if handle is not None:
                    with suppress(OSError):
                        handle.close()
        taken.setblocking(False)
        return taken

    @_told
    def start(self, container: str, *, server: str, program: str) -> None:
        """Start it.

        Raises:
            ServerError: the program cannot be executed inside.
            SandboxError: the walls could not be raised.
        """
        from docker.errors import APIError

        try:
            self._api.start(container)
        except APIError as error:
            text = _explained(error)
            if "exec" in text and ("not found" in text or "no such file" in text or "permission denied" in text):
                raise ServerError(
                    f"{escape_line(program, 100)} cannot be executed inside the sandbox: {text}",
                    where=f"server {server}",
                    next_step="Correct `command`, or mount the file",
                ) from error
            raise SandboxError(
                f"the engine could not start the sandbox: {text}",
                where=f"server {server}",
                next_step="Check the server's runtime and mounts; `gatehost doctor` checks the engine",
            ) from error

    @_told
    def inspect(self, container: str) -> dict[str, Any] | None:
        """What the engine says about the live container, or None when it is gone."""
        from docker.errors import NotFound

        try:
            return cast("dict[str, Any]", self._api.inspect_container(container))
        except NotFound:
            return None

    @_told
    def remove(self, container: str) -> bool:
        """Kill and remove it; False when it was gone, or is just being removed by another."""
        from docker.errors import APIError

        try:
            self._api.remove_container(container, force=True, v=True)
        except APIError as error:
            if error.status_code in {404, 409}:
                return False
            raise SandboxError(f"a sandbox could not be removed: {_explained(error)}") from error
        return True

    @_told
    def owned(self) -> list[Owned]:
        """Every container that carries our label, running or not."""
        listed = cast("list[dict[str, Any]]", self._api.containers(all=True, filters={"label": OWNER_LABEL}))
        found: list[Owned] = []
        for item in listed:
            names = cast("list[str]", item.get("Names") or [])
            labels = cast("dict[str, str]", item.get("Labels") or {})
            name = names[0].lstrip("/") if names else str(item["Id"])
            found.append(Owned(name, labels.get(OWNER_LABEL, ""), labels.get(SERVER_LABEL, "")))
        return found


def check_local() -> None:
    """Refuse an engine on another machine: its mounts would be that machine's files, its processes could not be
    looked at, and plain TCP hands root there to whoever stands on the way.

    Raises:
        SandboxError: see above, or `DOCKER_CONTEXT` names none.
    """
    found = named_address()
    if found is None or found[0].startswith("unix://"):
        return
    named, source = found
    scheme = named.partition("://")[0]
    if scheme not in {"tcp", "http", "https", "ssh"}:
        what = "names no socket"
    elif scheme in {"tcp", "http"} and not os.environ.get("DOCKER_TLS_VERIFY"):
        what = "reaches an engine over plain TCP, where anybody on the way is root there"
    else:
        what = "reaches an engine on another machine, whose files a server's mounts would show"
    raise SandboxError(
        f"{source} ({escape_line(named, 100)}) {what}; sandboxes need an engine on this machine",
        next_step="Set DOCKER_CONTEXT=default (and unset DOCKER_HOST) for this machine's own engine, name a unix:// "
        "socket of this machine, or run Gatehost on that one",
    )


def _explained(error: Exception) -> str:
    return escape_line(str(getattr(error, "explanation", None) or error), 300)
