"""A container's stdio over the engine's attach connection, as byte streams.

Decides: how the multiplexed frames are taken apart and how the socket is read and written. Does not decide
what the bytes mean. Frames: one byte of stream number, three of nothing, four of length, big-endian, then
the payload (Docker Engine API, "Attach to a container", stream format).

Reading is pulled: nobody reads ahead, so a server that floods is stopped by its own full pipe.
"""

import socket
from contextlib import suppress

import anyio
import anyio.abc
import anyio.lowlevel

from sandboxes.wire.stderr_ring import StderrRing

_HEADER_BYTES = 8
_READ_BYTES = 64 * 1024
_STDERR = 2


class AttachedInput(anyio.abc.ByteSendStream):
    """The server's stdin. Closing it is half a close: the server sees its input end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._closed = False

    async def send(self, item: bytes) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        await anyio.lowlevel.checkpoint_if_cancelled()
        left = memoryview(item)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)


class AttachedOutput(anyio.abc.ByteReceiveStream):
    """The server's stdout; what comes on stderr between goes into the ring.

    Attributes:
        ended: Set when the engine closed the connection: the container is gone or its outputs are.
    """

    def __init__(self, sock: socket.socket, ring: StderrRing) -> None:
        self._sock = sock
        self._ring = ring
        self._buffer = b""
        self._at = 0
        self._left = 0
        self._stderr = False
        self.ended = anyio.Event()

    async def receive(self, max_bytes: int = _READ_BYTES) -> bytes:
        while True:
            held = len(self._buffer) - self._at
            if held < (1 if self._left else _HEADER_BYTES):
                await self._read()
                continue
            if self._left == 0:
                header = self._buffer[self._at : self._at + _HEADER_BYTES]
                self._at += _HEADER_BYTES
                self._stderr = header[0] == _STDERR
                self._left = int.from_bytes(header[4:], "big")
                continue
            payload = self._buffer[self._at : self._at + min(self._left, max_bytes)]
            self._at += len(payload)
            self._left -= len(payload)
            if not self._stderr:
                return payload
            if (rest := self._ring.add(payload)) > 0:
                await anyio.sleep(rest)

    async def drain(self) -> None:
        """Read to the end and drop stdout, so that a server that is still writing can finish."""
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                await self.receive()

    async def aclose(self) -> None:
        self.ended.set()
        self._sock.close()

    async def _read(self) -> None:
        if self.ended.is_set():
            raise anyio.EndOfStream
        while True:
            try:
                data = self._sock.recv(_READ_BYTES)
                break
            except BlockingIOError:
                await anyio.wait_readable(self._sock)
            except OSError:
                data = b""
                break
        if not data:
            self.ended.set()
            raise anyio.EndOfStream
        self._buffer, self._at = self._buffer[self._at :] + data, 0
