"""What a server writes to stderr: the newest part of it, in bounded memory and at a bounded rate.

Decides: how much is kept and how fast it is taken. Does not decide what is shown: the text is foreign and
raw, and whoever shows it escapes it.
"""

from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.abc

from sandboxes.secrets.values import SecretValues

KEPT_BYTES = 64 * 1024
BYTES_PER_SECOND = 8 * 1024**2
"""Taken per second; a flood beyond it waits in the server's own pipe and costs the server its own time."""


class StderrRing:
    """A ring of bytes. `total` counts all that ever came.

    Args:
        secrets: What its text must not show.
    """

    def __init__(
        self,
        *,
        limit: int = KEPT_BYTES,
        clock: Callable[[], float] = anyio.current_time,
        secrets: SecretValues | None = None,
    ) -> None:
        self._limit = limit
        self._secrets = secrets or SecretValues({})
        self._clock = clock
        self._kept = bytearray()
        self._window = 0.0
        self._taken = 0
        self.total = 0

    def add(self, data: bytes) -> float:
        """Take `data` in; the seconds that its reader should rest before it reads on, mostly 0."""
        self.total += len(data)
        self._kept += data[-self._limit :]
        if len(self._kept) > self._limit:
            del self._kept[: -self._limit]
        now = self._clock()
        if now - self._window >= 1:
            self._window, self._taken = now, 0
        self._taken += len(data)
        return 0.0 if self._taken <= BYTES_PER_SECOND else self._window + 1 - now

    def text(self) -> str:
        """The newest bytes as text; what is not UTF-8 stands as replacement characters. Foreign and raw."""
        text = self._kept.decode("utf-8", errors="replace")
        return self._secrets.hide_cut(text) if self.total > self._limit else self._secrets.hide(text)


async def drain(stream: anyio.abc.ByteReceiveStream, ring: StderrRing) -> None:
    """Read `stream` to its end into `ring`, so that a chatty server never blocks on a full pipe."""
    with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        while True:
            rest = ring.add(await stream.receive())
            if rest > 0:
                await anyio.sleep(rest)
