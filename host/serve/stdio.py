"""`gatehost serve --stdio`: one client on this process's pipes, from its first byte to the last trace of its servers.

Decides: what is opened and closed in which order, and what ends it. Does not decide what a client may say (`front`),
nor anything about a call (`session`).
"""

import signal
from collections.abc import Sequence
from typing import cast

import anyio

from context.errors import GatehostError
from host.config.workshop import Workshop
from host.journal import Journal
from host.outputs import Teller
from host.runs.flags import RunFlags
from host.serve.front import Front
from host.serve.pipes import connection, own_descriptors
from host.serve.session import Offer, open_session, prepare


async def serve(workshop: Workshop, journal: Journal, *, flags: RunFlags, tellers: Sequence[Teller] = ()) -> None:
    """Serve until the client closes its end, or a signal asks for the end.

    Args:
        flags: `agent` says whose scope is served; with `approvals` "deny" every ask is a no.

    Raises:
        ConfigError, UsageError: something that was written is wrong; no byte was exchanged.
        JournalError, LeaseLost: state could not be written, or another process owns the session's run.
    """
    offer = prepare(workshop, flags)
    try:
        with own_descriptors() as (source, sink):
            await _serve(offer, journal, source, sink, tellers)
    except BaseExceptionGroup as group:
        fault = _ours(group)
        if fault is None:
            raise
        raise fault from group


async def _serve(offer: Offer, journal: Journal, source: int, sink: int, tellers: Sequence[Teller]) -> None:
    front, over, serving = Front(), anyio.Event(), anyio.CancelScope()
    opening = anyio.CancelScope()

    async def hold() -> None:
        client = None
        with opening:
            client = await front.client()
        if client is not None:
            async with open_session(offer, journal, client=client, tellers=tellers) as session:
                front.open(session)
                await over.wait()

    async with anyio.create_task_group() as watchers:
        watchers.start_soon(_watch_signals, serving)
        async with anyio.create_task_group() as holding:
            holding.start_soon(hold)
            async with connection(source, sink) as (read, write):
                with serving:
                    server = front.server()
                    await server.run(read, write, server.create_initialization_options())
                # Every call is settled by now. The client hears so before the servers take their time to end.
            opening.cancel()
            over.set()
        watchers.cancel_scope.cancel()


async def _watch_signals(serving: anyio.CancelScope) -> None:
    """However often it is told to end, it ends in good order: hosts signal again while sandboxes are being removed."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            serving.cancel()


def _ours(group: BaseExceptionGroup[BaseException]) -> GatehostError | None:
    for error in group.exceptions:
        found = (
            _ours(cast("BaseExceptionGroup[BaseException]", error)) if isinstance(error, BaseExceptionGroup) else error
        )
        if isinstance(found, GatehostError):
            return found
    return None
