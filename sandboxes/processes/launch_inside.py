"""Runs inside the sandbox, just before the server: from here on, only what lies in read-only places is executed.

    python3 -I -S -c TEXT must|try /tmp:/dev:… FILTER GATE PROGRAM [ARGUMENT …]

Decides: the Landlock domain (landlock(7)) that allows `execve` everywhere but in the closed places, the loading of a
system-call filter where the runtime loads none, and the wait at a gate (a file descriptor) until the host is ready.
Does not decide which places those are, nor the filter (`exec_places`); with `must`, no server starts without its
domain, and none ever without its filter.

A mount's `noexec` would say the same, but neither an engine nor bubblewrap can give a bind mount that option, and a
writable folder that executes turns one server's write (a git hook, a script in `node_modules`) into another's code.

Standard library only, and nothing of this project: it has no package around it. Every server waits for this, so what
imports much is not used (`base64` and `signal` cost as much as all the rest). The domain also keeps the server
from tracing anything outside of it, its own init included.
"""

import binascii
import ctypes
import os
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # The same on every architecture.
_EXECUTE = 1
_REFER = 1 << 13
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_SET_SECCOMP, _FILTER = 22, 2
_STEP_BYTES = 8
_PLACES = 20_000
_SIGPIPE, _SIGXFSZ = 13, 25


def main() -> None:
    must, closed, steps = sys.argv[1] == "must", sys.argv[2], binascii.a2b_base64(sys.argv[3])
    gate, program = sys.argv[4], sys.argv[5:]
    try:
        _close(closed.split(":"))
    except OSError as error:
        if must:
            _leave(126, f"Landlock could not be set up: {error.strerror}")
    try:
        _load(steps)
    except OSError as error:
        _leave(126, f"the system-call filter could not be loaded: {error.strerror}")
    # Python ignores these two, and an ignored signal stays ignored across exec.
    for number in (_SIGPIPE, _SIGXFSZ):
        ctypes.CDLL(None).signal(number, None)
    # Whoever holds the other end moves this process into its control groups meanwhile, and then says so.
    if gate:
        if os.read(int(gate), 1) != b"1":
            os._exit(126)
        os.close(int(gate))
    try:
        os.execvp(program[0], program)
    except OSError as error:
        hint = "; no file of a writable place is executed" if isinstance(error, PermissionError) else ""
        _leave(127 if isinstance(error, FileNotFoundError) else 126, f"{program[0]}: {error.strerror}{hint}")


def _close(closed: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    ruleset = _call(libc.syscall(_CREATE_RULESET, struct.pack("=Q", _EXECUTE | _REFER), ctypes.c_size_t(8), 0))
    # Unless it is granted, every domain refuses to move a file into another folder.
    grants = [("/", _REFER), *((place, _EXECUTE) for place in _open_places(set(map(os.path.realpath, closed))))]
    for place, right in grants:
        try:
            handle = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # Whatever cannot be reached stays closed.
        _call(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", right, handle), 0))
        os.close(handle)
    _call(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _load(steps: bytes) -> None:
    if not steps:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    held = ctypes.create_string_buffer(steps, len(steps))
    # struct sock_fprog: a count, padded, and a pointer.
    program = struct.pack("@HP", len(steps) // _STEP_BYTES, ctypes.addressof(held))
    _call(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(libc.prctl(_SET_SECCOMP, _FILTER, program, 0, 0))


def _open_places(closed: set[str]) -> list[str]:
    """The largest folders, and single files, that hold no closed place."""
    found: list[str] = []
    pending = ["/"]
    while pending and len(found) + len(pending) < _PLACES:
        place = pending.pop()
        if place in closed:
            continue
        if place != "/" and not any(other.startswith(place + "/") for other in closed):
            found.append(place)
            continue
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        pending += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        found += [entry.path for entry in entries if entry.is_file(follow_symlinks=False) and entry.path not in closed]
    return found


def _call(outcome: int) -> int:
    if outcome < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return outcome


def _leave(code: int, why: str) -> None:
    sys.stderr.write(f"sandbox: {why}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
