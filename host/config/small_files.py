"""Small files that are read whole and replaced whole: configuration, the lock, the marks of trust.

Decides: that a read is bounded and never waits for a writer, that a replacement is complete or absent, and
that two processes do not replace at once. Does not decide what stands in any file.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Generator
from pathlib import Path
from tempfile import mkstemp

from context.errors import ConfigError
from context.visible_text import escape_line

_WAIT = 10.0
_POLL = 0.02


def shown(path: Path) -> str:
    """A path as it may stand in an error."""
    return escape_line(str(path), 400)


def read_small(path: Path, *, limit: int) -> bytes:
    """The bytes of a regular file.

    Args:
        limit: Largest size accepted, in bytes.

    Raises:
        FileNotFoundError: it does not exist.
        ConfigError: it is no regular file, too large, or cannot be read.
    """
    where = shown(path)
    try:
        # Without O_NONBLOCK a named pipe in a cloned folder would hold us here for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(path)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"it cannot be read: {_cause(error)}", where=where, next_step="Correct its path or permissions"
        ) from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("it is no regular file", where=where, next_step="Name a file")
        data = bytearray()
        while len(data) <= limit and (part := os.read(handle, min(limit + 1 - len(data), 1 << 20))):
            data += part
    except OSError as error:
        raise ConfigError(
            f"it cannot be read: {_cause(error)}", where=where, next_step="Correct its permissions"
        ) from error
    finally:
        os.close(handle)
    if len(data) > limit:
        raise ConfigError(
            f"it is larger than {limit:,} bytes", where=where, next_step="Check that it is the file you mean"
        )
    return bytes(data)


def replace_small(path: Path, data: bytes, *, mode: int) -> None:
    """Put `data` in place of the file at once: a reader, or a machine that stops, sees the old or the new file.

    Args:
        mode: Of a new file; an existing file keeps its own.

    Raises:
        ConfigError: the folder cannot be written.
    """
    temporary: str | None = None
    try:
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
        handle, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            f"it cannot be written: {_cause(error)}",
            where=shown(path),
            next_step="Check the folder's permissions and free space",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


@contextlib.contextmanager
def alone_in(folder: Path, *, wait: float = _WAIT) -> Generator[None, None, None]:
    """Keep other processes of this program from replacing files in `folder` until the block ends.

    The lock lies on the folder itself, so it leaves no file behind. Whoever can read the folder can hold it, a
    sandboxed server with a mount of it included: hence the bounded wait.

    Args:
        wait: Seconds.

    Raises:
        ConfigError: the folder cannot be opened, or another process holds it for too long.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(
            f"the folder cannot be opened: {_cause(error)}", where=shown(folder), next_step="Correct its path"
        ) from error
    try:
        _take(handle, folder, wait)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, wait: float) -> None:
    def attempt() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # Network file systems may know no lock on a folder; the replacement itself stays whole there.
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
                raise
        return True

    if not _within(wait, attempt):
        raise ConfigError(
            f"another process holds the folder for more than {wait:g} s",
            where=shown(folder),
            next_step="Wait for other gatehost commands in this folder to end, then try again",
        )


def _within(seconds: float, attempt: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not attempt():
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cause(error: Exception) -> str:
    return escape_line((error.strerror if isinstance(error, OSError) else None) or str(error), 200)
