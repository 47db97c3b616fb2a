"""Probes of the file system: what can be written, executed, filled, made, and what a set-id program gains.

Decides: what is tried and what counts as having worked. Does not decide the walls. Runs inside the sandbox.
"""

import errno
import os
import shutil
import signal
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from sandboxes.probes.inside.trials import LIBC, NotApplicable, Setup, Trials, end_of_child, name_of

_NAME = "gatehost-probe"
_FOLDERS = 4000
_SECONDS = 4.0
_BLOCK = 1024**2
_EXEC = 42
_KERNELS = ("/proc", "/sys")
_KERNEL_PLACES = ("/proc", "/proc/sys", "/proc/sys/kernel", "/sys", "/sys/fs/cgroup", "/sys/kernel", "/sys/fs/bpf")


def root(setup: Setup, trials: Trials) -> None:
    for place in ("/", "/etc", "/usr/bin", "/var", "/root"):
        trials.run(place, lambda place=place: _make(place))
    for place in ("/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/usr/bin/env"):
        trials.run(place, lambda place=place: _open(place, os.O_WRONLY | os.O_APPEND))


def elsewhere(setup: Setup, trials: Trials) -> None:
    for place in _folders(setup):
        trials.run(place, lambda place=place: _make(place))
    inner = f"{setup.ro}/there"
    trials.run("a file of a read-only mount", lambda: _open(inner, os.O_WRONLY))
    trials.run("its mode", lambda: Path(inner).chmod(0o777))
    trials.run("its name", lambda: Path(inner).rename(inner + "-moved"))
    link = f"{setup.rw}/{_NAME}-link"
    with suppress(OSError):
        Path(link).symlink_to(inner)
    trials.run("through a link of a writable mount", lambda: _open(link, os.O_WRONLY))
    trials.run("through ..", lambda: _make(f"{setup.rw}/../.."))
    trials.run("through /proc/self/root", lambda: _make("/proc/self/root/etc"))
    trials.run("through /proc/1/root", lambda: _make("/proc/1/root/tmp/../etc"))


def execution(setup: Setup, trials: Trials) -> None:
    program = os.path.realpath(shutil.which("true") or sys.executable)
    for place in setup.scratch:
        script, copy = f"{place}/{_NAME}.sh", f"{place}/{_NAME}.bin"
        try:
            Path(script).write_text(f"#!/bin/sh\nexit {_EXEC}\n")
            shutil.copyfile(program, copy)
            Path(script).chmod(0o755)
            Path(copy).chmod(0o755)
        except OSError as error:
            trials.note("denied", f"not even written: {name_of(error)}", place)
            continue
        trials.run(f"a script in {place}", lambda script=script: _execute([script]))
        trials.run(f"a program in {place}", lambda copy=copy: _execute([copy]))
        Path(script).unlink()
        Path(copy).unlink()
    trials.run("a file in memory", lambda: _execute_memory(program))


def devices(setup: Setup, trials: Trials) -> None:
    for place in setup.scratch:
        for kind, name in ((stat.S_IFCHR, "character"), (stat.S_IFBLK, "block")):
            trials.run(f"a {name} device in {place}", lambda place=place, kind=kind: _device(place, kind))


def set_id(setup: Setup, trials: Trials) -> None:
    """Programs of another owner are started, and their effective ids watched while they live."""
    found = _set_id_programs()
    if not found:
        trials.note("denied", "nothing to gain from", "no set-id program is visible")
    for program in found[:20]:
        trials.run(program, lambda program=program: _gains(program))
    own = f"{setup.rw}/{_NAME}-setid"
    trials.run("an own program given to root", lambda: _give_to_root(own))
    with suppress(OSError):
        Path(own).unlink()


def scratch_full(setup: Setup, trials: Trials) -> None:
    for place in ("/tmp", "/dev/shm"):
        trials.run(place, lambda place=place: _fill(place, setup.tmpfs + 64 * _BLOCK))


def big_file(setup: Setup, trials: Trials) -> None:
    trials.run("one file in a writable mount", lambda: _fill(setup.rw, setup.disk + 8 * _BLOCK))


def many_files(setup: Setup, trials: Trials) -> None:
    """Twice the budget, in small files; then it waits to be stopped."""
    part = max(_BLOCK, setup.disk // 4)
    for number in range(2 * setup.disk // part):
        with Path(f"{setup.rw}/{_NAME}-{number}").open("wb") as file:
            for _ in range(part // _BLOCK):
                file.write(os.urandom(_BLOCK))
    time.sleep(12)
    trials.note("allowed", f"{2 * setup.disk // _BLOCK} MiB were written, and nobody minded", "many files")


def logs(setup: Setup, trials: Trials) -> None:
    """The host judges: it looks at what was kept."""
    for _ in range(64):
        os.write(2, b"log " * 16384)
    trials.note("allowed", "4 MiB were taken", "stderr")


def _make(folder: str) -> None:
    path = f"{folder}/{_NAME}-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with suppress(OSError):
        Path(path).unlink()


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags))


def _folders(setup: Setup) -> list[str]:
    """Every folder that is seen, but for the kernel's own trees and what was declared writable."""
    end = time.monotonic() + _SECONDS
    found: list[str] = [*_KERNEL_PLACES, setup.ro, "/run", "/dev"]
    pending = ["/"]
    while pending and len(found) < _FOLDERS and time.monotonic() < end:
        place = pending.pop(0)
        found.append(place)
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            known = entry.path in setup.scratch or entry.path in _KERNELS
            if not known and entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return list(dict.fromkeys(found))


def _execute(argv: list[str]) -> str:
    """Raises: OSError when the kernel refuses to execute it, or it was killed before it came to its end."""

    def replace() -> int:
        os.execv(argv[0], argv)

    # A child that was replaced never answers over the pipe; one that was refused does.
    answer, status = end_of_child(replace)
    if answer in errno.errorcode:
        raise OSError(answer, os.strerror(answer))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        raise OSError(0, "killed before its first instruction")
    return "it ran"


def _execute_memory(program: str) -> str:
    # A `os.memfd_create` of the library may be missing where the call is not.
    handle = LIBC.memfd_create(b"probe", 0)
    if handle < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    with os.fdopen(handle, "wb", closefd=False) as copy:
        copy.write(Path(program).read_bytes())
    return _execute([f"/proc/self/fd/{handle}"])


def _device(place: str, kind: int) -> None:
    path = f"{place}/{_NAME}-device"
    os.mknod(path, kind | 0o600, os.makedev(1, 1) if kind == stat.S_IFCHR else os.makedev(8, 0))
    Path(path).unlink()


def _set_id_programs() -> list[str]:
    end = time.monotonic() + _SECONDS
    found: list[str] = []
    for top in ("/usr", "/bin", "/sbin", "/opt", "/lib"):
        if Path(top).is_symlink():
            continue
        for folder, _, names in os.walk(top):
            if time.monotonic() > end:
                return found
            for name in names:
                path = f"{folder}/{name}"
                with suppress(OSError):
                    mode = os.lstat(path).st_mode
                    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                        found.append(path)
    return found


def _gains(program: str) -> str:
    """Raises: OSError(EPERM) when its effective ids stayed ours to its end."""
    own = (os.geteuid(), os.getegid())
    read, write = os.pipe()
    pid = os.fork()  # noqa: TID251 -- inside the sandbox, where this is what is probed
    if pid == 0:
        with suppress(OSError):
            os.dup2(read, 0)
            null = os.open("/dev/null", os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.execv(program, [program])
        os._exit(127)
    os.close(read)
    gained = False
    end = time.monotonic() + 0.5
    try:
        while time.monotonic() < end:
            with suppress(OSError, ValueError, IndexError):
                status = Path(f"/proc/{pid}/status").read_text()
                lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
                now = (int(lines["Uid"].split()[1]), int(lines["Gid"].split()[1]))
                gained = gained or now != own
            if os.waitpid(pid, os.WNOHANG)[0]:
                pid = 0
                break
            time.sleep(0.001)
    finally:
        os.close(write)
        if pid:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    if not gained:
        raise OSError(errno.EPERM, "it kept our ids")
    return "it ran with other ids"


def _give_to_root(path: str) -> None:
    if os.geteuid() == 0:
        raise NotApplicable("runs as uid 0 already")
    shutil.copyfile(os.path.realpath(shutil.which("true") or sys.executable), path)
    os.chown(path, 0, 0)
    Path(path).chmod(0o4755)


def _fill(folder: str, most: int) -> str:
    """Write up to `most` bytes into one file. Raises: OSError where it ends before."""
    path = f"{folder}/{_NAME}-fill"
    block = b"\1" * _BLOCK
    try:
        with Path(path).open("wb", buffering=0) as file:
            for _ in range(most // _BLOCK):
                file.write(block)
                if os.fstat(file.fileno()).st_size % _BLOCK:
                    raise OSError(errno.ENOSPC, "it is full")
    finally:
        with suppress(OSError):
            Path(path).unlink()
    return f"{most // _BLOCK} MiB fitted in"
