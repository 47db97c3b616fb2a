"""The one place where tools of this machine are run: uv, npm, git, apt-get, mmdebstrap, bwrap, dockerd.

Decides: how long such a tool may run, how much of its output is kept, that its whole process group ends
with it, and how its failure is told. Does not decide which tools run, and never runs a server or any file
of a server's package: servers are started by a sandbox.
"""

import os
import signal
import subprocess  # noqa: TID251 -- constants, and the detached daemon below: this file is the place for it
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc

from context.errors import ConfigError, SandboxError
from context.visible_text import escape_line

OUTPUT_BYTES = 8 * 1024 * 1024
"""Kept per stream; more is read (a full pipe would stop the tool) and dropped."""

_ERROR_LINES = 6
_ERROR_LINE_CHARS = 400


@dataclass(frozen=True, slots=True)
class Finished:
    """How a tool ended. `stdout` and `stderr` are its own words: escape them before showing them."""

    stdout: str
    stderr: str
    code: int


async def run_command(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> Finished:
    """Run one tool to its end and return what it said, whatever its exit code.

    On timeout, cancellation and normal end alike nothing of its process group is left.

    Args:
        timeout: Seconds.
        env: The whole environment; None hands ours on (the tools are the operator's own clients).
        stdin: Bytes to feed; None gives it an empty input, never our terminal.

    Raises:
        SandboxError: the tool is missing, cannot be started, or took too long.
    """
    tool = Path(argv[0]).name
    try:
        process = await anyio.open_process(  # noqa: TID251 -- the one place
            list(argv),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(
            f"{tool} could not be started: {escape_line(error.strerror or str(error))}",
            next_step=f"Install {tool}, or put it on PATH",
        ) from error
    out, err = bytearray(), bytearray()
    try:
        with anyio.fail_after(timeout):
            async with anyio.create_task_group() as group:
                group.start_soon(_drain, process.stdout, out)
                group.start_soon(_drain, process.stderr, err)
                if process.stdin is not None:
                    group.start_soon(_feed, process.stdin, stdin or b"")
                await process.wait()
                # A grandchild that holds the pipes open must not hold us: the group goes with its leader.
                _kill_group(process.pid)
    except TimeoutError as error:
        raise SandboxError(
            f"{tool} did not end within {timeout:g} s{last_words(err)}",
            next_step="Check the network, the package mirror and the disk, then run it again",
        ) from error
    finally:
        _kill_group(process.pid)
        with anyio.CancelScope(shield=True):
            await process.aclose()
    return Finished(_text(out), _text(err), process.returncode if process.returncode is not None else -1)


async def check_command(
    argv: Sequence[str],
    *,
    timeout: float,
    doing: str,
    next_step: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    config: bool = False,
) -> str:
    """Like `run_command`, and a non-zero exit is an error with the tool's last lines; returns its stdout.

    Args:
        doing: What it was asked for, e.g. `resolve pypi:x==1`.
        config: The fault is in what the operator wrote (`ConfigError`), not in our walls.

    Raises:
        ConfigError, SandboxError: see `config`.
    """
    done = await run_command(argv, timeout=timeout, cwd=cwd, env=env, stdin=stdin)
    if done.code != 0:
        tool = Path(argv[0]).name
        words = last_words(done.stderr or done.stdout)
        raised = ConfigError if config else SandboxError
        raise raised(f"{tool} could not {doing} (exit {done.code}){words}", next_step=next_step)
    return done.stdout


def start_daemon(argv: Sequence[str], *, log: Path) -> int:
    """Start a program that outlives us, in a session of its own, with its output in `log`; its process id.

    Raises:
        SandboxError: it cannot be started.
    """
    try:
        with log.open("ab") as sink:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/"
            )
    except OSError as error:
        raise SandboxError(
            f"{Path(argv[0]).name} could not be started: {escape_line(error.strerror or str(error))}",
            next_step=f"See {log}",
        ) from error
    process.returncode = 0  # It is not ours to wait for: without this its object warns when it is collected.
    return process.pid


def last_words(said: str | bytes | bytearray) -> str:
    """`: ` and the last lines of what a tool said, escaped, on one line; empty when it said nothing."""
    text = said if isinstance(said, str) else _text(said)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return ": " + " | ".join(escape_line(line, _ERROR_LINE_CHARS) for line in lines[-_ERROR_LINES:])


async def _drain(stream: anyio.abc.ByteReceiveStream | None, kept: bytearray) -> None:
    if stream is None:
        return
    async for chunk in stream:
        kept += chunk
        if len(kept) > OUTPUT_BYTES:
            del kept[:-OUTPUT_BYTES]


async def _feed(stream: anyio.abc.ByteSendStream, data: bytes) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await stream.send(data)
    await stream.aclose()


def _kill_group(pid: int) -> None:
    # The leader's id names the group as long as any member lives, so this cannot hit a stranger's group
    # unless the whole group is gone and its id was reused within this very call.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _text(data: bytes | bytearray) -> str:
    return data.decode("utf-8", errors="replace")
