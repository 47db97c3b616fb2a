"""Probes of the limits: processes and memory, each bounded by a count, so that no machine without limits is harmed.

Decides: what is tried and what counts as having worked. Does not decide the walls. Runs inside the sandbox.
"""

import os
import signal
import time
from contextlib import suppress

from sandboxes.probes.inside.trials import Setup, Trials, name_of

_STEP = 8 * 1024**2
_PAGE = 4096
_SECONDS = 20.0
_HELD_SECONDS = 1.0


def processes(setup: Setup, trials: Trials) -> None:
    """Twice the limit, each waiting for the end of a pipe."""
    most = 2 * setup.pids
    read, write = os.pipe()
    made: list[int] = []
    refused: OSError | None = None
    try:
        for _ in range(most):
            pid = os.fork()  # noqa: TID251 -- inside the sandbox, where this is what is probed
            if pid == 0:
                os.close(write)
                with suppress(OSError):
                    os.read(read, 1)
                os._exit(0)
            made.append(pid)
    except OSError as error:
        refused = error
    finally:
        os.close(write)
        os.close(read)
        for pid in made:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    if refused is None:
        trials.note("allowed", f"{most} processes, the limit is {setup.pids}", "fork bomb")
    else:
        trials.note("denied", f"{name_of(refused)} after {len(made)}, the limit is {setup.pids}", "fork bomb")


def memory(setup: Setup, trials: Trials) -> None:
    """Half as much again as the limit, touched page by page in a child, and held for a second; swap counts."""
    most = setup.memory + max(setup.memory // 2, 64 * 1024**2)
    read, write = os.pipe()
    pid = os.fork()  # noqa: TID251 -- inside the sandbox, where this is what is probed
    if pid == 0:
        os.close(read)
        signal.alarm(int(_SECONDS))
        held: list[bytearray] = []
        try:
            while len(held) * _STEP < most:
                block = bytearray(_STEP)
                block[::_PAGE] = b"\1" * (_STEP // _PAGE)
                held.append(block)
                os.write(write, b".")
            time.sleep(_HELD_SECONDS)
        except MemoryError:
            os._exit(3)
        os._exit(0)
    os.close(write)
    steps = 0
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and (chunk := os.read(read, 4096)):
        steps += len(chunk)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    got = f"at {steps * _STEP // 1024**2} MiB, the limit is {setup.memory // 1024**2} MiB"
    if os.WIFSIGNALED(status):
        trials.note("denied", f"ended by {signal.Signals(os.WTERMSIG(status)).name} {got}", "memory")
    elif os.WEXITSTATUS(status) == 3:
        trials.note("denied", f"refused {got}", "memory")
    else:
        trials.note("allowed", f"taken {got}", "memory")
