"""Runs inside the sandbox, above the server, where the runtime's own kernel has no Landlock (gVisor): a program that
came from a writable place is ended before its first instruction.

    python3 -I -S -c TEXT must|try /tmp:/dev:… PROGRAM [ARGUMENT …]

Decides: which executions are ended, by tracing every process of the server from its start (ptrace(2)): the kernel stops
each one that executes something, after it was loaded and before it runs. Does not decide which places are closed
(`exec_places`), nor load the filter that keeps the server from cloning a process that is not traced (`launch_inside`,
which is what this starts). With `must`, no server starts unwatched.

Two things are looked at, and neither can be changed by the server any more when it is looked at: the file that was
loaded, and the path that was asked for, which is a script's where an interpreter was loaded. That path is refused as
soon as it leads through a closed place, because a link there could be turned meanwhile; so is a relative one, whose
beginning another process may share and change.

If this process ends, the kernel ends all that it watches. Standard library only, and nothing of this project.
"""

import ctypes
import os
import signal
import struct
import sys
from typing import NoReturn

_LANDLOCK = 444
_SEIZE, _CONTINUE, _LISTEN, _PEEK = 0x4206, 7, 0x4208, 2
_OPTIONS = 0x2 | 0x4 | 0x8 | 0x10 | 0x100000
"""Forks, vforks, clones and executions of every traced process are traced too, and all of them end with us."""

_EXECUTED, _STOPPED = 4, 128
_ALL = 0x40000000
_STOPS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
_NOT_DUMPABLE = 4
_PATH_AT = 31
_WORD = ctypes.sizeof(ctypes.c_long)
_LONGEST = 4096
_LINKS = 64
_OWN = "/proc/self/exe"
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.restype = ctypes.c_long


def main() -> None:
    must, closed, program = sys.argv[1] == "must", [*map(os.path.realpath, sys.argv[2].split(":"))], sys.argv[3:]
    if _LIBC.syscall(_LANDLOCK, None, ctypes.c_size_t(0), 1) >= 2:
        _become(program)
    try:
        server = _start(program)
    except OSError as error:
        if must:
            _leave(f"what it executes cannot be watched: {error.strerror}")
        _become(program)
    # From here on the server cannot look into this process, and none of its streams is held open by it.
    _LIBC.prctl(_NOT_DUMPABLE, 0, 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    os.close(nothing)
    os._exit(_watch(server, closed))


def _start(program: list[str]) -> int:
    """The traced child that becomes `program`. Raises: OSError when it cannot be traced."""
    read, write = os.pipe()
    child = os.fork()  # noqa: TID251 -- inside the sandbox
    if child == 0:
        os.close(write)
        if os.read(read, 1):
            _become(program)
        os._exit(126)
    os.close(read)
    try:
        _trace(_SEIZE, child, 0, _OPTIONS)
        os.write(write, b"1")
    except OSError:
        os.close(write)
        os.waitpid(child, 0)
        raise
    os.close(write)
    return child


def _watch(server: int, closed: list[str]) -> int:
    """Until the server is gone: its exit code, a signal's as a shell writes it."""
    while True:
        pid, status = os.waitpid(-1, _ALL)
        if os.WIFSTOPPED(status):
            try:
                _go_on(pid, status, closed)
            except ProcessLookupError:
                continue  # Killed meanwhile; its end comes next.
        elif pid == server:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _go_on(pid: int, status: int, closed: list[str]) -> None:
    event, number = status >> 16, os.WSTOPSIG(status)
    if event == _EXECUTED and (what := _refused(pid, closed)):
        sys.stderr.write(
            f"sandbox: {what!a} was not executed: only files of read-only places are, by their whole path\n"
        )
        sys.stderr.flush()
        os.kill(pid, signal.SIGKILL)
    elif event == _STOPPED and number in _STOPS:
        _trace(_LISTEN, pid, 0, 0)
    else:
        _trace(_CONTINUE, pid, 0, 0 if event else number)


def _refused(pid: int, closed: list[str]) -> str:
    """What must not run; empty when it may. What cannot be told may not."""
    try:
        loaded, asked = _link(f"/proc/{pid}/exe"), _asked(pid)
    except (OSError, ValueError):
        return "something that cannot be told"
    if _lies_in(loaded, closed):
        return loaded
    return "" if asked == _OWN or _stays_outside(asked, closed) else asked


def _asked(pid: int) -> str:
    """The path that was given to execve, which the kernel leaves on the new program's stack.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    with open(f"/proc/{pid}/auxv", "rb") as file:  # noqa: PTH123 -- pathlib is not worth its start here
        at = next((value for name, value in struct.iter_unpack("@NN", file.read()) if name == _PATH_AT), 0)
    found, place = b"", at - at % _WORD  # A whole word never leads beyond the stack's end.
    while len(found) < _LONGEST:
        ctypes.set_errno(0)
        word = _LIBC.ptrace(_PEEK, pid, ctypes.c_void_p(place), None)
        if number := ctypes.get_errno():
            raise OSError(number, os.strerror(number))
        held = int(word).to_bytes(_WORD, sys.byteorder, signed=True)
        part, end, _ = held[max(0, at - place) :].partition(b"\0")
        found, place = found + part, place + _WORD
        if end:
            return os.fsdecode(found)
    raise ValueError("too long")


def _stays_outside(path: str, closed: list[str]) -> bool:
    """Whether no step of the way to `path` leads through a closed place."""
    if not path.startswith("/"):
        return False
    place, steps, links = "", path.split("/"), 0
    while steps:
        step = steps.pop(0)
        if step in ("", "."):
            continue
        place = place.rpartition("/")[0] if step == ".." else f"{place}/{step}"
        if _lies_in(place, closed):
            return False
        try:
            link = _link(place)
        except OSError:
            continue  # No link.
        if link:
            links += 1
            if links > _LINKS:
                return False
            place = "" if link.startswith("/") else place.rpartition("/")[0]
            steps = [*link.split("/"), *steps]
    return True


def _link(place: str) -> str:
    """Raises: OSError when it is none."""
    return os.readlink(place)  # noqa: PTH115 -- as above


def _lies_in(path: str, closed: list[str]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in closed)


def _trace(request: int, pid: int, address: int, data: int) -> None:
    if _LIBC.ptrace(request, pid, ctypes.c_void_p(address), ctypes.c_void_p(data)) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _become(program: list[str]) -> NoReturn:
    try:
        os.execv(program[0], program)
    except OSError as error:
        _leave(f"{program[0]}: {error.strerror}")


def _leave(why: str) -> NoReturn:
    sys.stderr.write(f"sandbox: {why}\n")
    sys.stderr.flush()
    os._exit(126)


if __name__ == "__main__":
    main()
