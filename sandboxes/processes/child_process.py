"""One server as a child process of ours: its pipes, and its end, whatever it does about it.

Decides: how a child is started with nothing of ours but what is passed, how its end is noticed, and that it is
gone when the context ends. Does not decide what walls stand around it, nor how far a kill must reach: the kind
hands in `kill_family`.
"""

import os
import subprocess  # noqa: TID251 -- the constant PIPE only
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from context.errors import ServerError
from context.visible_text import escape_line
from sandboxes.background import beside
from sandboxes.opened import Gone, exit_phrase
from sandboxes.wire.stderr_ring import StderrRing, drain

_EXIT_SECONDS = 0.5
_KILL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Child:
    """A running child with its pipes, named from its side."""

    pid: int
    stdin: anyio.abc.ByteSendStream
    stdout: anyio.abc.ByteReceiveStream


@asynccontextmanager
async def child_process(
    argv: Sequence[str],
    *,
    server: str,
    env: Mapping[str, str],
    cwd: Path,
    ring: StderrRing,
    gone: Gone,
    kill_family: Callable[[int], None] | None = None,
    pass_fds: Sequence[int] = (),
) -> AsyncGenerator[Child, None]:
    """Start `argv` in a session of its own. At the body's end its input ends; half a second later it is killed.

    Args:
        env: The whole environment of the process that is started.
        kill_family: Called with its process id, also after a quiet end, where killing it does not end all that
            it started; must not raise.

    Raises:
        ServerError: it cannot be executed.
    """
    process: anyio.abc.Process | None = None
    try:
        # Cancelled half-way it would be started and belong to nobody, neither closed nor waited for.
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(  # noqa: TID251 -- a sandbox starts its server here, and nowhere else
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
            )
    except OSError as error:
        raise ServerError(
            f"{escape_line(argv[0], 100)} cannot be executed: {escape_line(error.strerror or str(error))}",
            where=f"server {server}",
            next_step="Correct `command`, or install the program",
        ) from error
    assert process is not None and process.stdin is not None
    assert process.stdout is not None and process.stderr is not None
    stderr = process.stderr

    async def watch() -> None:
        await _wait_gone(process)
        gone.tell(exit_phrase(process.returncode))

    async def listen() -> None:
        await drain(stderr, ring)

    try:
        async with beside(watch, listen):
            try:
                yield Child(process.pid, process.stdin, process.stdout)
            finally:
                with anyio.CancelScope(shield=True):
                    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                        await process.stdin.aclose()
                    # Not by the watcher: where our caller was cancelled, it was too.
                    with anyio.move_on_after(_EXIT_SECONDS):
                        await _wait_gone(process)
                    _kill(process, kill_family)
                    with anyio.move_on_after(_KILL_SECONDS):
                        await _wait_gone(process)
                    gone.tell("closed by its host")
    finally:
        with anyio.CancelScope(shield=True):
            _kill(process, kill_family)
            await _close(process)


def _kill(process: anyio.abc.Process, kill_family: Callable[[int], None] | None) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    if kill_family is not None:
        kill_family(process.pid)


async def _wait_gone(process: anyio.abc.Process) -> None:
    """Until the process itself has ended. `Process.wait` may also wait for its pipes, which a grandchild can hold."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        watched = os.pidfd_open(process.pid)
        try:
            await anyio.wait_readable(watched)
        finally:
            os.close(watched)
    while process.returncode is None:  # noqa: ASYNC110 -- ended already; the event loop's own watcher is a moment late
        await anyio.sleep(0.002)


async def _close(process: anyio.abc.Process) -> None:
    with anyio.move_on_after(_KILL_SECONDS):
        await process.aclose()
    # A survivor that holds a pipe end would keep the loop's transport open; nothing public reaches it.
    transport: Any = getattr(getattr(process, "_process", None), "_transport", None)
    close = getattr(transport, "close", None)
    if callable(close):
        with suppress(PermissionError):
            close()
