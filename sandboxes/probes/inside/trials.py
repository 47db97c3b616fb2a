"""What one attempt is: things that are tried, and what came of each.

Decides: how a try is judged (what works is allowed, an error is denied, doubt is allowed) and how it is told. Does not
decide what is tried. Runs inside the sandbox: standard library only.
"""

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["denied", "allowed", "not_applicable"]

_WORST_FIRST: tuple[Outcome, ...] = ("allowed", "denied", "not_applicable")
_CHILD_SECONDS = 10
_NO_CALL = 9999
REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""What a refused system call answers. Any other error means that the kernel went on to look at the arguments."""

LIBC = ctypes.CDLL(None, use_errno=True)


class NotApplicable(Exception):
    """There is nothing to try here; says why."""


@dataclass(frozen=True)
class Setup:
    """What the host tells the probes. See `runner`.

    Attributes:
        numbers: System calls by name, for this machine.
        listeners: `host:port` on which the host listens for anybody who gets out.
        abstract: Name of a socket of the host's without a file.
        own_kernel: The runtime has a kernel of its own.
        memory, pids, disk, tmpfs: The limits of this sandbox, in bytes and processes.
    """

    rw: str
    ro: str
    numbers: Mapping[str, int]
    listeners: Sequence[str]
    gateways: Sequence[str]
    abstract: str
    own_kernel: bool
    memory: int
    pids: int
    disk: int
    tmpfs: int

    @property
    def scratch(self) -> tuple[str, ...]:
        """Every place that may be written."""
        return (self.rw, "/tmp", "/dev/shm")


@dataclass
class Trials:
    """The tries of one attempt, in order."""

    _found: dict[Outcome, dict[str, list[str]]] = field(default_factory=dict[Outcome, dict[str, list[str]]])

    def note(self, outcome: Outcome, how: str, what: str) -> None:
        self._found.setdefault(outcome, {}).setdefault(how, []).append(what)

    def run(self, what: str, call: Callable[[], object]) -> None:
        """Allowed when `call` returns. What it returns, if it is a text, is told."""
        try:
            told = call()
        except NotApplicable as reason:
            self.note("not_applicable", str(reason), what)
        except OSError as error:
            self.note("denied", name_of(error), what)
        except MemoryError:
            self.note("denied", "no memory", what)
        else:
            self.note("allowed", told if isinstance(told, str) else "worked", what)

    def call(self, what: str, setup: Setup, name: str, *arguments: object) -> None:
        """One system call, in a child of its own, so that nothing of it stays."""
        number = setup.numbers.get(name, -1)
        if number < 0:
            self.note("not_applicable", "this architecture has no such call", what)
            return
        self.refused(what, lambda: system_call(number, *arguments))

    def refused(self, what: str, call: Callable[[], int], *, also: int = 0) -> None:
        """In a child: denied only when `call` returns what a refused system call answers, or `also` where that too
        can come of nothing but a refusal."""
        answer = in_child(call)
        if answer in REFUSALS or (answer and answer == also):
            self.note("denied", errno.errorcode[answer], what)
        elif answer == 0:
            self.note("allowed", "worked", what)
        elif answer == _NO_CALL:
            self.note("allowed", "the attempt broke, which tells nothing", what)
        else:
            self.note("allowed", f"reached the kernel, which said {errno.errorcode.get(answer, str(answer))}", what)

    def result(self) -> dict[str, str]:
        """The worst outcome, and all that led to it."""
        for outcome in _WORST_FIRST:
            if outcome in self._found:
                return {"outcome": outcome, "detail": self._told(outcome)}
        return {"outcome": "allowed", "detail": "nothing was tried"}

    def _told(self, outcome: Outcome) -> str:
        groups = [(outcome, self._found[outcome])]
        if outcome != "not_applicable":
            groups += [("not_applicable", self._found.get("not_applicable", {}))]
        parts = [
            f"{'' if kind == outcome else 'not applicable: '}{', '.join(list(dict.fromkeys(whats))[:12])}"
            f"{' …' if len(whats) > 12 else ''}: {how}"
            for kind, found in groups
            for how, whats in found.items()
        ]
        return "; ".join(parts)


def name_of(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return errno.errorcode.get(error.errno or 0, error.strerror or str(error) or type(error).__name__)


def system_call(number: int, *arguments: Any) -> int:
    """0, or the error number."""
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    ctypes.set_errno(0)
    return ctypes.get_errno() if LIBC.syscall(ctypes.c_long(number), *words) == -1 else 0


def in_child(call: Callable[[], int]) -> int:
    """What `call` returned in a forked child; bounded in time."""
    return end_of_child(call)[0]


def end_of_child(call: Callable[[], int]) -> tuple[int, int]:
    """As `in_child`, with the child's wait status. Of a child that became another program, only that means anything."""
    read, write = os.pipe()
    pid = os.fork()  # noqa: TID251 -- inside the sandbox, where this is what is probed
    if pid == 0:
        answer = _NO_CALL
        try:
            signal.alarm(_CHILD_SECONDS)
            os.close(read)
            answer = call()
        except OSError as error:
            answer = error.errno or _NO_CALL
        finally:
            os.write(write, struct.pack("=i", answer))
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read(4)
    _, status = os.waitpid(pid, 0)
    return (struct.unpack("=i", said)[0] if len(said) == 4 else _NO_CALL), status
