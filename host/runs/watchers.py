"""What watches a run while it is driven: its clock, its lease, Ctrl-C, and what dead owners left.

Decides: in which phase a run ends that something stopped from outside. Does not decide a single step (`loop`).
"""

import logging
import signal
from dataclasses import dataclass
from typing import Any, cast

import anyio

from context.errors import GatehostError, JournalError
from host.config.workshop import Workshop
from host.journal import RunHandle
from host.runs.assembly import reap_sandboxes
from host.runs.loop import RunLoop
from host.runs.machine import Phase
from host.servers.pool import ServerPool

logger = logging.getLogger(__name__)

_REAP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Driven:
    """How a run ended, and what broke it from outside of its steps."""

    phase: Phase
    fault: str | None = None


async def drive(
    loop: RunLoop, pool: ServerPool, handle: RunHandle, workshop: Workshop, seconds: float | None
) -> Driven:
    """Step until an end, watching the clock, the lease and the user's Ctrl-C meanwhile.

    Raises:
        JournalError, LeaseLost: alone, not in the groups of the tasks that they went through.
    """
    try:
        return await _drive_watched(loop, pool, handle, workshop, seconds)
    except BaseExceptionGroup as group:
        fault = _ours(group)
        if fault is None:
            raise
        raise fault from group


def _ours(group: BaseExceptionGroup[BaseException]) -> GatehostError | None:
    for error in group.exceptions:
        found = _ours(cast("Any", error)) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, GatehostError):
            return found
    return None


async def _drive_watched(
    loop: RunLoop, pool: ServerPool, handle: RunHandle, workshop: Workshop, seconds: float | None
) -> Driven:
    phase: Phase = "broken"
    fault: str | None = None
    stopped = anyio.Event()
    reaped = anyio.Event()
    deadline = anyio.current_time() + seconds if seconds else float("inf")
    async with anyio.create_task_group() as watchers:
        driving = anyio.CancelScope(deadline=deadline)
        watchers.start_soon(handle.keep)
        watchers.start_soon(_watch_signals, driving, stopped)
        watchers.start_soon(_reap, workshop, reaped)
        async with pool.running():
            with driving:
                try:
                    phase = await loop.drive()
                except JournalError:
                    raise
                except GatehostError as error:
                    fault = error.sentence()
                except Exception as error:
                    logger.exception("run %s broke", handle.run_id)
                    fault = f"internal fault: {type(error).__name__}: {error}"
        if driving.cancelled_caught:
            phase = "interrupted" if stopped.is_set() else "late"
            fault = fault or ("interrupted" if stopped.is_set() else f"the run's time of {seconds:g} s was up")
        with anyio.move_on_after(0 if stopped.is_set() else _REAP_SECONDS):
            await reaped.wait()  # a run may be shorter than the removal of what another one left
        watchers.cancel_scope.cancel()
    return Driven(phase, fault)


async def _watch_signals(driving: anyio.CancelScope, stopped: anyio.Event) -> None:
    """The first Ctrl-C ends the run in good order; the second one is the interpreter's again."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stopped.set()
            driving.cancel()
            return


async def _reap(workshop: Workshop, done: anyio.Event) -> None:
    await reap_sandboxes(workshop)
    done.set()
