"""The kind `bubblewrap`: one set of fresh namespaces per server, on the host's own read-only `/usr`.

Decides: the namespaces, the mounts, the user, the filter and the limits that a machine without a container
engine can give, and that nothing outlives its host. Does not decide what stands afterwards:
`processes.evidence` reads that from `/proc`, and names what this kind cannot enforce.

Two ways in. Root sets the mounts up as itself and then becomes the server's user inside, through `setpriv`:
so a server's files may lie under folders that only root can pass, and what it writes belongs to the mount's
owner. Anybody else enters a user namespace, where only the own uid exists.

Memory, processes and processor time are bounded by a control group of our own (`control_groups`), or by a scope where
systemd owns them (`systemd_scope`); where neither can be had, resource limits and a look at what is used stand in for
some, and a limit that the operator wrote down and nothing can enforce is refused.

The arguments travel through a file descriptor, and bubblewrap itself gets an empty environment: its first
process stays visible inside, and a uid-0 server could read both.
"""

import json
import os
import posixpath
import shutil
import signal
import subprocess  # noqa: TID251 -- one look at what this bubblewrap can do
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import anyio
import anyio.to_thread

from context.errors import SandboxError, ServerError
from context.json_values import JsonObject
from context.visible_text import escape_line
from sandboxes.background import beside
from sandboxes.interface import Evidence, SandboxHome, SandboxKind, SandboxSpec, WireCounts
from sandboxes.limits.control_groups import ControlGroup, control_group, reap_groups
from sandboxes.limits.disk_watch import watch_disk
from sandboxes.limits.memory_watch import watch_memory
from sandboxes.limits.systemd_scope import can_scope, scope_command, scope_env
from sandboxes.opened import Gone, Opened
from sandboxes.processes.child_process import child_process
from sandboxes.processes.evidence import Entered, data_limit, judge_namespaces
from sandboxes.processes.exec_places import launched, unheld
from sandboxes.processes.inner_env import inner_env
from sandboxes.processes.proc_facts import children, read_process, threads_of
from sandboxes.processes.user_choice import NOBODY, User, all_mounts, check_mounts, choose_user
from sandboxes.runtime.host_facts import HOST_PYTHON, has_systemd
from sandboxes.seccomp.filter import filter_program
from sandboxes.secrets.files import reap_secret_files, with_secret_files
from sandboxes.secrets.values import SecretValues
from sandboxes.wire.decoder import WireLimits
from sandboxes.wire.stderr_ring import StderrRing
from sandboxes.wire.transport import wire

_SEARCHED = "/usr/local/bin:/usr/bin:/bin"
_SETPRIV = "/usr/bin/setpriv"
_PRLIMIT = "/usr/bin/prlimit"
_LAUNCHERS = frozenset({"bwrap", "setpriv", "prlimit", "systemd-run", "env"})
_LIMITS = frozenset({"memory", "pids", "cpus"})
_SHM_BYTES = 8 * 1024**2
_END_SECONDS = 2.0
_LEGACY_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_INSTALL = 'Install it (`apt-get install bubblewrap util-linux`), or set sandbox = "docker"'


class BubblewrapSandbox:
    """See `interface.Sandbox`."""

    def __init__(self, home: SandboxHome) -> None:
        self._home = home

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[Opened, None]:
        """See `interface.Sandbox.open`."""
        check_mounts(spec)
        if (missing := _missing()) is not None:
            raise SandboxError(missing, where=f"server {spec.server}", next_step=_INSTALL)
        await anyio.to_thread.run_sync(_abilities)
        async with (
            with_secret_files(spec) as spec,
            _bounds(spec) as bounds,
            _FirstProcess() as first,
            self._run(spec, bounds, first) as opened,
        ):
            yield opened

    @asynccontextmanager
    async def _run(self, spec: SandboxSpec, bounds: "_Bounds", first: "_FirstProcess") -> AsyncGenerator[Opened, None]:
        user = _user(spec)
        if missing := sorted((spec.written & _LIMITS) - bounds.held(user)):
            raise SandboxError(
                f"limits.{' and limits.'.join(missing)} cannot be enforced here: no control group can be had",
                where=f"server {spec.server}",
                next_step='Set sandbox = "docker", run as root or under systemd, or remove these limits, which are '
                "then noted as not enforced; `gatehost sandbox check` shows what each sandbox holds",
            )
        hidden = SecretValues(spec.secrets)
        ring, gone, counts = StderrRing(secrets=hidden), Gone(), WireCounts()
        schemas: dict[str, JsonObject] = {}

        async def bound_disk() -> None:
            full: list[str] = []
            writable = [mount.host for mount in all_mounts(spec) if mount.mode == "rw"]
            await watch_disk(writable, spec.disk, full.append)
            if full:
                end(full[0])

        async def bound_memory() -> None:
            if "memory" not in bounds.grouped:
                await watch_memory(first.pid, spec.memory, end)

        def end(why: str) -> None:
            gone.tell(why)
            first.kill()

        with _Handles() as handles:
            said, gate = handles.pipe(), handles.gate() if bounds.group else None
            # The launcher may start while its groups are entered, which takes the kernel some 10 ms; a server may not.
            launches = not executes_writable()
            inner = _inner_command(spec, user, bounds, gate=gate if launches else None)
            outer = _arguments(spec, user, handles, status=said.write, block=None if launches else gate)
            argv = [_program("bwrap"), "--args", str(handles.file("\0".join(outer).encode() + b"\0")), "--", *inner]
            async with child_process(
                [*bounds.prefix, *argv],
                server=spec.server,
                env=scope_env() if bounds.prefix else {},
                cwd=Path("/"),
                ring=ring,
                gone=gone,
                kill_family=lambda _: first.kill(),
                pass_fds=handles.passed,
            ) as child:
                handles.close_passed()
                first.hold(await _first_pid(said.read, gone, ring, spec))
                if bounds.group is not None:
                    await anyio.to_thread.run_sync(_enter, bounds.group, first.pid, spec.server)
                    handles.open_gate()
                evidence = await _evidence(first.pid, gone, ring, spec, user, bounds)
                async with (
                    beside(bound_disk, bound_memory),
                    wire(
                        child.stdin,
                        child.stdout,
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

    async def reap(self, servers: Collection[str] | None = None) -> list[str]:
        """The namespaces die with the process that opened them; empty control groups and secrets may be left."""
        return await anyio.to_thread.run_sync(lambda: [*reap_groups(servers), *reap_secret_files(servers)])


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What bounds memory, processes and processor time.

    Attributes:
        group: Ours, to be entered before the server starts; None where none can be had.
        prefix: A command that starts a scope of systemd's instead.
    """

    group: ControlGroup | None = None
    prefix: tuple[str, ...] = ()

    @property
    def grouped(self) -> frozenset[str]:
        """The limits that a control group holds."""
        return _LIMITS if self.prefix else self.group.held if self.group else frozenset()

    def held(self, user: User) -> frozenset[str]:
        """With the process limit that a resource limit holds for any user but root."""
        return self.grouped if _is_root() and user.uid == 0 else self.grouped | {"pids"}


@asynccontextmanager
async def _bounds(spec: SandboxSpec) -> AsyncGenerator[_Bounds, None]:
    cpus = min(spec.cpus, float(os.cpu_count() or 1))
    # Where systemd owns the groups, nobody else may make any (systemd.io, "Control Group APIs and Delegation").
    if has_systemd():
        prefix: tuple[str, ...] = ()
        if await anyio.to_thread.run_sync(can_scope):
            prefix = tuple(scope_command(memory=spec.memory, pids=spec.pids, cpus=cpus))
        yield _Bounds(prefix=prefix)
        return
    with control_group(spec.server, memory=spec.memory, pids=spec.pids, cpus=cpus) as group:
        yield _Bounds(group=group if group.held else None)


def _enter(group: ControlGroup, first: int, server: str) -> None:
    """Raises: SandboxError: it ended before, or may not be moved."""
    try:
        group.add(first)
        # What it forks from now on is in the groups too; what it forked before is its child by now.
        for child in children(first):
            with suppress(ProcessLookupError):
                group.add(child)
    except OSError as error:
        raise SandboxError(
            f"its control group cannot be entered: {error.strerror}",
            where=f"server {server}",
            next_step="Check that the control groups under /sys/fs/cgroup can be written",
        ) from error


@lru_cache(maxsize=1)
def _abilities() -> frozenset[str]:
    """The switches that this bubblewrap knows."""
    done = subprocess.run([_program("bwrap"), "--help"], capture_output=True, text=True, timeout=10, check=False)
    return frozenset(word for word in (done.stdout + done.stderr).split() if word.startswith("--"))


def unavailable() -> str | None:
    """Why no namespaces can be had, with the next step, or None. It is tried, not guessed; takes some milliseconds."""
    if (missing := _missing()) is not None:
        return f"{missing}. {_INSTALL}"
    try:
        if "--size" not in _abilities():
            return f"this bubblewrap is older than 0.7 and cannot bound /tmp. {_INSTALL}"
        done = subprocess.run(
            [_program("bwrap"), *_namespaces(_is_root()), "--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env={},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {escape_line(str(error), 200)}. {_INSTALL}"
    if done.returncode == 0:
        return None
    said = escape_line(done.stderr.strip(), 200)
    return f"bubblewrap cannot make namespaces here ({said}). Allow user namespaces, run as root, or use docker"


def _missing() -> str | None:
    for name in ("bwrap", "setpriv", "prlimit"):
        if shutil.which(name, path=_SEARCHED) is None:
            return f"{name} is not installed"
    return None


def _program(name: str) -> str:
    return shutil.which(name, path=_SEARCHED) or name


def _is_root() -> bool:
    return os.geteuid() == 0


def _user(spec: SandboxSpec) -> User:
    chosen = choose_user(all_mounts(spec))
    own = os.geteuid()
    if own == 0:
        return chosen
    note = f"acts on its mounts with the rights of uid {own}, the only one a user namespace has here"
    inside = NOBODY if chosen.uid == NOBODY else own
    return User(inside, NOBODY if inside == NOBODY else os.getegid(), (note,))


def _namespaces(root: bool) -> list[str]:
    each = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    return each if root else ["--unshare-user", *each]


def _arguments(spec: SandboxSpec, user: User, handles: "_Handles", *, status: int, block: int | None) -> list[str]:
    root = _is_root()
    args = [*_namespaces(root), "--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    args += ["--json-status-fd", str(handles.hand_on(status)), "--cap-drop", "ALL"]
    args += ["--block-fd", str(block)] if block is not None else []
    if root:
        # For setpriv, which gives them up together with the uid.
        args += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        args += ["--uid", str(user.uid), "--gid", str(user.gid)]
        args += ["--disable-userns"] if "--disable-userns" in _abilities() else []
    if (program := filter_program()) is not None:
        args += ["--seccomp", str(handles.file(program))]
    # Folders that bubblewrap makes on the way to a mount are closed to all but root, unless they are there before.
    for folder in _way_folders(spec):
        args += ["--perms", "0755", "--dir", folder]
    args += ["--ro-bind", "/usr", "/usr"]
    for folder in _LEGACY_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            args += ["--ro-bind", folder, folder]
    for name in _ETC:
        args += ["--ro-bind-try", name, name]
    passwd = f"sandbox:x:{user.uid}:{user.gid}::/tmp:/bin/sh\n".encode()
    args += ["--perms", "0444", "--file", str(handles.file(passwd)), "/etc/passwd"]
    args += ["--perms", "0444", "--file", str(handles.file(f"sandbox:x:{user.gid}:\n".encode())), "/etc/group"]
    args += ["--proc", "/proc", "--dev", "/dev"]
    # uid 0 may write the kernel's settings by file permission alone; as read-only mounts nobody can.
    args += ["--remount-ro", "/proc", "--remount-ro", "/dev"]
    args += ["--perms", "1777", "--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm"]
    args += ["--perms", "1777", "--size", str(spec.tmpfs), "--tmpfs", "/tmp"]
    for mount in all_mounts(spec):
        args += ["--ro-bind" if mount.mode == "ro" else "--bind", str(mount.host), mount.at]
    args += ["--remount-ro", "/", "--chdir", "/"]
    for name, value in inner_env(spec).items():
        args += ["--setenv", name, value]
    return args


def _way_folders(spec: SandboxSpec) -> list[str]:
    """The folders above each mount that lie in no other mount, outer before inner."""
    places = [posixpath.normpath(mount.at) for mount in all_mounts(spec)]
    mounted = {*places, "/usr", *_LEGACY_FOLDERS}
    found = {"/etc"}
    for place in places:
        above = [str(folder) for folder in PurePosixPath(place).parents if str(folder) != "/"]
        if not mounted & set(above):
            found |= set(above)
    return sorted(found)


def executes_writable() -> str:
    """Why files in writable places can be executed here; empty when they cannot."""
    if not os.access(HOST_PYTHON, os.X_OK):
        return f"there is no {HOST_PYTHON} for the launcher"
    return unheld() or ""


def _inner_command(spec: SandboxSpec, user: User, bounds: _Bounds, *, gate: int | None) -> list[str]:
    command: list[str] = []
    if _is_root():
        command += [_SETPRIV, "--reuid", str(user.uid), "--regid", str(user.gid), "--clear-groups"]
        command += ["--inh-caps=-all", "--bounding-set=-all", "--"]
    limits = ["--core=0", "--nofile=1024:4096", f"--fsize={spec.disk}"]
    # A group counts better: all processes together, and what is used instead of what is reserved.
    if "memory" not in bounds.grouped:
        limits.append(f"--data={data_limit(spec)}")
    if "pids" not in bounds.grouped:
        limits.append(f"--nproc={spec.pids + (threads_of(user.uid) if _counts_all_processes() else 2)}")
    program = list(spec.program.argv) if executes_writable() else launched(spec, gate=gate)
    return [*command, _PRLIMIT, *limits, "--", *program]


def _counts_all_processes() -> bool:
    """Whether the process limit counts the user's processes outside too: without a user namespace, or before
    Linux 5.14, where it began to count each namespace on its own."""
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    return _is_root() or (major, minor) < (5, 14)


@dataclass(frozen=True, slots=True)
class _Pipe:
    read: int
    write: int


class _FirstProcess:
    """The first process of the namespaces, held by a descriptor that cannot come to mean another one."""

    def __init__(self) -> None:
        self.pid = 0
        self._held: int | None = None

    def hold(self, pid: int) -> None:
        self.pid = pid
        with suppress(ProcessLookupError):  # Ended already.
            self._held = os.pidfd_open(pid)

    def kill(self) -> None:
        """The kernel takes every process of its namespace with it."""
        if self._held is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._held, signal.SIGKILL)

    async def __aenter__(self) -> "_FirstProcess":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._held is not None:
            self.kill()
            # It ends only when the last process of its namespace has.
            with anyio.move_on_after(_END_SECONDS, shield=True):
                await anyio.wait_readable(self._held)
            os.close(self._held)


class _Handles:
    """Descriptors for one start: those passed on, and those kept."""

    def __init__(self) -> None:
        self._gate: int | None = None
        self._passed: list[int] = []
        self._kept: list[int] = []

    def __enter__(self) -> "_Handles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_passed()
        for kept in self._kept:
            os.close(kept)

    @property
    def passed(self) -> Sequence[int]:
        return tuple(self._passed)

    def pipe(self) -> _Pipe:
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._kept.append(read)
        return _Pipe(read, write)

    def gate(self) -> int:
        """What is waited at before the server starts, until `open_gate`."""
        read, self._gate = os.pipe2(os.O_CLOEXEC)
        self._kept.append(self._gate)
        return self.hand_on(read)

    def open_gate(self) -> None:
        if self._gate is not None:
            with suppress(BrokenPipeError):
                os.write(self._gate, b"1")

    def hand_on(self, number: int) -> int:
        self._passed.append(number)
        return number

    def file(self, content: bytes) -> int:
        """A file in memory that begins at its start."""
        number = os.memfd_create("gatehost")
        self._passed.append(number)
        with os.fdopen(os.dup(number), "wb") as writer:
            writer.write(content)
        os.lseek(number, 0, os.SEEK_SET)
        return number

    def close_passed(self) -> None:
        while self._passed:
            os.close(self._passed.pop())


async def _first_pid(status: int, gone: Gone, ring: StderrRing, spec: SandboxSpec) -> int:
    """Bubblewrap writes one JSON object per line; the first names the process it made.

    Raises:
        SandboxError: bubblewrap gave up before.
    """
    said = b""
    with anyio.move_on_after(spec.start_timeout):
        while b"\n" not in said and len(said) < 4096:
            await anyio.wait_readable(status)
            if not (chunk := os.read(status, 4096)):
                break
            said += chunk
    try:
        return int(json.loads(said.partition(b"\n")[0])["child-pid"])
    except (ValueError, KeyError, TypeError) as error:
        with anyio.move_on_after(1):
            await gone.wait()
        raise SandboxError(
            f"bubblewrap could not raise the walls: {_last_line(ring) or 'it said nothing'}",
            where=f"server {spec.server}",
            next_step="Check the mounts: a place inside must not lie in a read-only folder of the host such as /usr",
        ) from error


async def _evidence(
    first: int, gone: Gone, ring: StderrRing, spec: SandboxSpec, user: User, bounds: _Bounds
) -> Evidence:
    """Wait until the launchers have given way to the server, then look.

    Raises:
        ServerError: its program cannot be executed inside.
    """
    found = None
    with anyio.move_on_after(spec.start_timeout):
        while not gone.how:
            pids = children(first)
            found = read_process(pids[0]) if pids else None
            if found is not None and found.program and Path(found.program).name not in _LAUNCHERS:
                entered = Entered(
                    outer_uid=user.uid if _is_root() else os.geteuid(),
                    filtered=filter_program() is not None,
                    counts_outside=_counts_all_processes(),
                    root=_is_root(),
                    grouped=bounds.grouped,
                    executes_writable=executes_writable(),
                )
                return judge_namespaces(pids[0], found, spec=spec, user=user, entered=entered)
            await anyio.sleep(0.002)
    if gone.how in {"exited with code 126", "exited with code 127"}:
        raise ServerError(
            f"{escape_line(spec.program.argv[0], 100)} cannot be executed inside the sandbox: {_last_line(ring)}",
            where=f"server {spec.server}",
            next_step="Correct `command`, or mount the file",
        )
    # It ended before it could be looked at. Its walls were never read, so they do not count as standing.
    return Evidence("bubblewrap", True, {}, ("it ended before its walls could be read",), user.notes)


def _last_line(ring: StderrRing) -> str:
    lines = ring.text().strip().splitlines()
    return escape_line(lines[-1], 200) if lines else ""


KIND = SandboxKind(name="bubblewrap", confines=True, unavailable=unavailable, make=BubblewrapSandbox)
