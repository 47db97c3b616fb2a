"""Many callers, one disk sync: whoever comes first leads, the others follow.

Decides: whose sync covers whom. Does not decide what is synced.
"""

from collections.abc import Callable

import anyio
import anyio.to_thread

from context.errors import JournalError


class GroupSync:
    """A caller's ticket is drawn after its commit, so a sync that starts later covers it.

    A sync that failed is never tried again: Linux marks the pages clean all the same, and the next sync
    would report success for data that is gone (https://lwn.net/Articles/752063/).
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._turn: anyio.Lock | None = None
        self._threads: anyio.CapacityLimiter | None = None
        self._drawn = 0
        self._reached = 0
        self._broken: OSError | None = None

    async def reach(self) -> None:
        """Raises: JournalError."""
        self._drawn += 1
        mine = self._drawn
        if self._turn is None or self._threads is None:
            # A limiter of its own: worker threads that block elsewhere must not hold up an intent.
            self._turn, self._threads = anyio.Lock(fast_acquire=True), anyio.CapacityLimiter(1)
        with anyio.CancelScope(shield=True):
            async with self._turn:
                self._check()
                if self._reached >= mine:
                    return
                covered = self._drawn
                try:
                    await anyio.to_thread.run_sync(self._sync, limiter=self._threads)
                except OSError as error:
                    self._broken = error
                self._check()
                self._reached = covered

    def reach_now(self) -> None:
        """Raises: JournalError."""
        self._check()
        try:
            self._sync()
        except OSError as error:
            self._broken = error
        self._check()

    def _check(self) -> None:
        if self._broken is not None:
            raise JournalError(
                f"the disk did not take the journal: {self._broken}",
                next_step="Nothing goes out any more; check the disk, then resume the run",
            ) from self._broken
