"""The container engine: whether one answers, and how one comes to be where the operator asked for set-up.

Decides: the way to an engine (one that answers; the distribution's, installed and started; else bubblewrap)
and who may stop it: only a daemon that we started by hand, and never another. Does not decide what runs in it.
Nothing here ever falls back to running a server unconfined.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
import anyio.to_thread

from context.errors import SandboxError
from context.json_values import JsonObject
from context.visible_text import escape_line
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.owners import is_dead, this_process
from sandboxes.runtime.apt import can_install, install_packages
from sandboxes.runtime.host_commands import check_command, last_words, start_daemon
from sandboxes.runtime.host_facts import has_systemd, system_path

if TYPE_CHECKING:  # `import docker` costs 0.2 s; only what talks to an engine pays it.
    from docker import DockerClient

Say = Callable[[str], None]
Confining = Literal["docker", "bubblewrap"]

_START_SECONDS = 60.0
_STOP_SECONDS = 40.0
_ENGINE_PID = Path("/var/run/docker.pid")
_NEXT = (
    "Install Docker or bubblewrap (as root on Debian or Ubuntu `gatehost sandbox build --install` does), "
    "or ask for access to the engine that runs here"
)


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine says of itself, or why none answers.

    Attributes:
        detail: Why none answers, escaped; empty when one does.
        runtimes: OCI runtimes by name.
        cgroups: `1`, `2`, or empty.
        started_by_us: It is the daemon that `ensure` started by hand and that nobody has stopped since.
    """

    answers: bool
    detail: str = ""
    version: str = ""
    runtimes: tuple[str, ...] = ()
    default_runtime: str = ""
    cgroups: str = ""
    machine: str = ""
    rootless: bool = False
    started_by_us: bool = False

    def as_json(self) -> JsonObject:
        return {
            "answers": self.answers,
            "detail": self.detail,
            "version": self.version,
            "runtimes": list(self.runtimes),
            "default_runtime": self.default_runtime,
            "cgroups": self.cgroups,
            "machine": self.machine,
            "rootless": self.rootless,
            "started_by_us": self.started_by_us,
        }


@dataclass(frozen=True, slots=True)
class Ensured:
    """Which walls can be raised here now.

    Attributes:
        started: This very call started the engine's daemon by hand.
    """

    kind: Confining
    started: bool = False


def connect(*, timeout: float = 60.0) -> "DockerClient":
    """A client of the engine; where no Docker setting names one, the system's, else this user's rootless one.

    Args:
        timeout: Seconds per request.

    Raises:
        SandboxError: no engine answers.
    """
    import docker
    from docker.errors import DockerException

    where = _address()
    try:
        if where.startswith("unix://"):
            # The SDK leaks its socket when this fails.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(timeout)
                probe.connect(where.removeprefix("unix://"))
        seconds = max(1, int(timeout))
        client = docker.from_env(timeout=seconds, environment={**os.environ, "DOCKER_HOST": where})
    except (DockerException, OSError) as error:
        raise SandboxError(f"no Docker engine answers: {_why_silent(error)}", next_step=_NEXT) from error
    try:
        client.ping()
    except (DockerException, OSError) as error:
        client.close()
        raise SandboxError(f"no Docker engine answers: {_why_silent(error)}", next_step=_NEXT) from error
    return client


def named_address() -> tuple[str, str] | None:
    """Where the operator's Docker settings point, as Docker's own client takes them: `DOCKER_HOST`, else the context
    that `DOCKER_CONTEXT` names, else the one that `docker context use` chose.

    Returns:
        The address, and what named it; None where nothing does.

    Raises:
        SandboxError: there is no such context.
    """
    if named := os.environ.get("DOCKER_HOST"):
        return named, "DOCKER_HOST"
    folder = _docker_folder()
    context, source = os.environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not context:
        context, source = _current_context(folder), "the current Docker context"
    if context in {"", "default"}:
        return None
    meta = folder / "contexts" / "meta" / hashlib.sha256(context.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(meta.read_text("utf-8"))["Endpoints"]["docker"]["Host"]), source
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SandboxError(
            f"{source} ({escape_line(context, 100)}) names no context of this user",
            next_step="`docker context ls` lists them; DOCKER_CONTEXT=default means this machine's own engine",
        ) from error


def _is_named() -> bool:
    own = _current_context(_docker_folder())
    return bool({"DOCKER_HOST", "DOCKER_CONTEXT"} & set(os.environ)) or own not in {"", "default"}


def _docker_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _current_context(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8")).get("currentContext", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _address() -> str:
    if (named := named_address()) is not None:
        return named[0]
    system = "/var/run/docker.sock"
    own = f"{os.environ.get('XDG_RUNTIME_DIR') or f'/run/user/{os.getuid()}'}/docker.sock"
    return f"unix://{own}" if not os.access(system, os.W_OK) and os.access(own, os.W_OK) else f"unix://{system}"


async def look(home: SandboxHome) -> EngineState:
    """The engine's state; never raises."""
    return await anyio.to_thread.run_sync(_look, home, abandon_on_cancel=True)


async def bubblewrap_fault() -> str | None:
    """Why bubblewrap cannot confine here, or None: it is tried, not looked up."""
    from sandboxes.bubblewrap import unavailable

    return await anyio.to_thread.run_sync(unavailable)


async def ensure(home: SandboxHome, *, install: bool, say: Say) -> Ensured:
    """See to it that walls can be raised: an engine, else bubblewrap.

    Args:
        install: The operator agreed that distribution packages are installed and a daemon started.
        say: Is told everything that is installed or started.

    Raises:
        SandboxError: neither can be had; says the next step.
    """
    state = await look(home)
    if state.answers:
        return Ensured("docker")
    faults = [state.detail]
    # An engine that the operator named is theirs to start; with another one in its place nobody is served.
    if install and can_install() and not _is_named():
        try:
            async with one_set_up(home):
                return Ensured("docker", started=await _install_and_start(home, say=say))
        except SandboxError as error:
            faults.append(error.sentence())
            say(f"no Docker engine could be had: {error}")
    fault = await bubblewrap_fault()
    if fault is not None and install and can_install() and shutil.which("bwrap") is None:
        await install_packages(["bubblewrap"], say=say)
        fault = await bubblewrap_fault()
    if fault is None:
        say("no Docker engine answers; bubblewrap serves instead")
        return Ensured("bubblewrap")
    raise SandboxError(f"no sandbox can be raised here: {'; '.join(dict.fromkeys((*faults, fault)))}", next_step=_NEXT)


async def stop_started_engine(home: SandboxHome, *, say: Say) -> bool:
    """Stop the daemon that we started by hand, with its containerd; False when there is none of ours.

    Raises:
        SandboxError: it did not end.
    """
    owner = _started(home)
    if owner is None:
        return False
    pid = int(owner.split(":")[2])
    family = [owner, *(_owner_text(child) for child in _children(pid))]
    say(f"stopping the Docker engine that was started here (dockerd, process {pid})")
    for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 10.0)):
        for member in family if number == signal.SIGKILL else family[:1]:
            # Checked by start time at this moment: an id that was reused meanwhile belongs to a stranger.
            if member and not is_dead(member):
                with suppress(ProcessLookupError):
                    os.kill(int(member.split(":")[2]), number)
        with anyio.move_on_after(seconds):
            await _gone(family)
            _note(home).unlink(missing_ok=True)
            return True
    raise SandboxError(f"dockerd (process {pid}) does not end", next_step=f"See {_folder(home) / 'dockerd.log'}")


def _look(home: SandboxHome) -> EngineState:
    from docker.errors import DockerException

    try:
        client = connect(timeout=10.0)
    except SandboxError as error:
        return EngineState(False, detail=error.what)
    try:
        info = client.info()
    except (DockerException, OSError) as error:
        return EngineState(False, detail=f"the Docker engine answers with a fault: {escape_line(str(error), 200)}")
    finally:
        client.close()
    options = [str(option) for option in cast("list[object]", info.get("SecurityOptions") or [])]
    return EngineState(
        True,
        version=escape_line(str(info.get("ServerVersion", "")), 60),
        runtimes=tuple(sorted(str(name) for name in cast("dict[str, Any]", info.get("Runtimes") or {}))),
        default_runtime=str(info.get("DefaultRuntime", "")),
        cgroups=str(info.get("CgroupVersion", "")),
        machine=str(info.get("Architecture", "")),
        rootless=any("name=rootless" in option for option in options),
        started_by_us=_started(home) is not None,
    )


def _why_silent(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "this user may not use its socket"
    if isinstance(error, FileNotFoundError):
        return "there is no socket"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens on its socket"
    return escape_line(str(error), 200)


async def _install_and_start(home: SandboxHome, *, say: Say) -> bool:
    """True when a daemon was started by hand."""
    if (await look(home)).answers:  # Another set-up was first.
        return False
    if shutil.which("dockerd", path=system_path()) is None:
        await install_packages(["docker.io"], say=say)
    if has_systemd():
        say("starting the Docker engine: systemctl start docker")
        await check_command(
            ["systemctl", "start", "docker"],
            timeout=120.0,
            doing="start docker",
            next_step="See `journalctl -u docker`",
        )
        if await _wait_for_answer(home, seconds=_START_SECONDS, pid=None):
            return False
        raise SandboxError("the Docker engine does not answer", next_step="See `journalctl -u docker`")
    if await _wait_for_answer(home, seconds=3.0, pid=None):
        # The package's own init script started it, at our request: it is ours to stop.
        with suppress(OSError, ValueError):
            _write_note(home, int(_ENGINE_PID.read_text()))  # noqa: ASYNC240 -- a few bytes in memory
        return True
    await _mount_cgroups(say=say)
    await start_by_hand(home, say=say)
    return True


async def _mount_cgroups(*, say: Say) -> None:
    """Limits need control groups, which nobody mounts on a machine without systemd."""
    if await anyio.to_thread.run_sync(_has_cgroups):
        return
    if shutil.which("cgroupfs-mount", path=system_path()) is None:
        await install_packages(["cgroupfs-mount"], say=say)
    say("mounting the control groups: cgroupfs-mount")
    await check_command(
        [shutil.which("cgroupfs-mount", path=system_path()) or "cgroupfs-mount"],
        timeout=30.0,
        doing="mount the control groups",
        next_step="Mount /sys/fs/cgroup as your kernel wants it",
    )


def _has_cgroups() -> bool:
    return any(" - cgroup" in line for line in Path("/proc/self/mountinfo").read_text().splitlines())


async def start_by_hand(home: SandboxHome, *, say: Say) -> None:
    """Start `dockerd` as a daemon of ours, noted under `<home>/engine`, and wait until it answers.

    Raises:
        SandboxError: it does not start; with its last words.
    """
    dockerd = shutil.which("dockerd", path=system_path())
    if dockerd is None:
        raise SandboxError("dockerd is not installed", next_step="apt-get install docker.io")
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    # Sandboxes have no network, so an engine that may not touch the firewall serves them as well. Never
    # `--bridge=none`: it deletes the `docker0` that it finds, which may belong to an engine on another socket.
    for switches in ([], ["--iptables=false", "--ip6tables=false"]):
        log.write_bytes(b"")
        say(f"starting the Docker engine by hand: {' '.join(['dockerd', *switches])} (log: {log})")
        pid = start_daemon([dockerd, *switches], log=log)
        _write_note(home, pid)
        if await _wait_for_answer(home, seconds=_START_SECONDS, pid=pid):
            say("it goes on running; `gatehost sandbox prune --engine` stops it")
            return
        await stop_started_engine(home, say=say)
        _note(home).unlink(missing_ok=True)
    tail = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    raise SandboxError(f"dockerd does not start{last_words(tail)}", next_step=f"See {log}")


async def _wait_for_answer(home: SandboxHome, *, seconds: float, pid: int | None) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (await look(home)).answers:
            return True
        if pid is not None and _reaped(pid):
            return False
        await anyio.sleep(0.3)
    return False


async def _gone(family: Sequence[str]) -> None:
    while any(member and not is_dead(member) for member in family):  # noqa: ASYNC110 -- strangers' ends send no event
        await anyio.sleep(0.1)


def _reaped(pid: int) -> bool:
    """Whether our own child has ended; collects it, so that it does not stay a zombie."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _folder(home: SandboxHome) -> Path:
    return home.folder / "engine"


def _note(home: SandboxHome) -> Path:
    return _folder(home) / "dockerd.json"


def _write_note(home: SandboxHome, pid: int) -> None:
    _folder(home).mkdir(parents=True, exist_ok=True)
    _note(home).write_text(json.dumps({"owner": _owner_text(pid)}), encoding="utf-8")


def _started(home: SandboxHome) -> str | None:
    """The living daemon that we started, as an owner text."""
    try:
        owner = str(json.loads(_note(home).read_text(encoding="utf-8"))["owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return owner if owner.count(":") == 3 and not is_dead(owner) else None


def _owner_text(pid: int) -> str:
    """`boot:namespace:pid:start` of another process, or empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    boot, namespace, *_ = this_process().split(":")
    return f"{boot}:{namespace}:{pid}:{stat[stat.rindex(')') + 2 :].split()[19]}"


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                stat = (folder / "stat").read_text()
                if int(stat[stat.rindex(")") + 2 :].split()[1]) == parent:
                    found.append(int(folder.name))
    return found


@asynccontextmanager
async def one_set_up(home: SandboxHome) -> AsyncGenerator[None, None]:
    """Two set-ups at once install and start one after the other."""
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await anyio.sleep(0.2)
        yield
