"""Appending to the record, by many processes at once, and reading where it stands.

Decides: the lock, rotation, numbering, and what happens to an end that was torn off. Does not decide what an
entry says, nor which entries are missing (the journal knows those: `host.journal.recorder`).

Every append holds an exclusive lock on `record/lock`, so numbers and links are given by one process at a time.
Whoever holds it may cut a last line without line feed: its writer is dead, and the journal still has the entry.
"""

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from context.errors import JournalError
from host.record.chain import GENESIS, Line, Malformed, link, parse, placed
from host.record.segments import LINE_LIMIT, read_lines, segment_path, segment_paths

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 1024**2
LOCK_SECONDS = 10.0
"""How long to wait for another process's append, which takes some 50 µs unless that process was stopped."""

_TAIL = 8192
_CUT_KEPT = 65536


@dataclass(frozen=True, slots=True)
class Head:
    """Where the record ends: how many entries, and what the next line links to."""

    entries: int = 0
    link: str = GENESIS


@dataclass(slots=True)
class _End:
    """The newest segment as this process last left it: while nobody else wrote, an append reads nothing.

    Attributes:
        next_path: Of the segment that would be newer; made once, because every append looks for it.
    """

    file: int
    number: int
    size: int
    head: Head
    next_path: str


class RecordLog:
    """The record in one folder."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, lock_seconds: float = LOCK_SECONDS) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._lock_seconds = lock_seconds
        self._threads = threading.RLock()
        self._depth = 0
        self._lock_file = -1
        self._end: _End | None = None
        self.cut = b""
        self.cut_bytes = 0

    def forget_cut(self) -> None:
        """What was cut off a torn end has been told."""
        self.cut, self.cut_bytes = b"", 0

    def append(self, payloads: Sequence[bytes]) -> list[Head]:
        """Write the payloads as the next lines; for each, the head behind it. Not synced.

        Raises:
            JournalError: the record cannot be written. None of these lines stands then.
        """
        with self.locked("cannot be written, so nothing goes out"):
            end = self._current()
            heads: list[Head] = []
            lines: list[bytes] = []
            head = end.head
            for payload in payloads:
                line = placed(payload, head.entries + 1, head.link)
                head = Head(head.entries + 1, link(line))
                heads.append(head)
                lines.append(line + b"\n")
            data = b"".join(lines)
            if end.size and end.size + len(data) > self._segment_bytes:
                end = self._rotate(end)
            _write_all(end, data)
            end.size += len(data)
            end.head = head
            return heads

    def head(self) -> Head:
        """Raises: JournalError."""
        with self.locked("cannot be read"):
            return self._current().head

    def sync(self) -> None:
        """Bring what this process appended to the disk.

        Raises: JournalError.
        """
        with self._told("could not be brought to the disk"):
            with self._threads:
                if self._end is None:
                    return
                # A copy, because a rotation may close the original meanwhile; it syncs before it does.
                file = os.dup(self._end.file)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)

    def extent(self) -> list[tuple[Path, int]]:
        """The segments with their sizes at a moment when nobody is in the middle of a line.

        Raises: JournalError.
        """
        with self._told("cannot be read"):
            if not self.folder.is_dir():
                return []
            with self.locked("cannot be read"):
                return [(path, path.stat().st_size) for path in segment_paths(self.folder)]

    def find(self, entry_ids: Iterable[str]) -> dict[str, Line]:
        """The lines of these entries, searched from the newest segment backwards.

        Raises: JournalError.
        """
        wanted = set(entry_ids)
        found: dict[str, Line] = {}
        for path, size in reversed(self.extent()):
            with self._told("cannot be read"):
                for raw in read_lines([(path, size)]):
                    with contextlib.suppress(Malformed):
                        line = parse(raw.data)
                        if line.entry_id in wanted and raw.whole:
                            found[line.entry_id] = line
            if found.keys() >= wanted:
                break
        return found

    def close(self) -> None:
        with self._threads:
            if self._end is not None:
                os.close(self._end.file)
                self._end = None
            if self._lock_file >= 0:
                os.close(self._lock_file)
                self._lock_file = -1

    @contextlib.contextmanager
    def locked(self, what: str = "cannot be locked") -> Generator[None]:
        """Hold the record against every other process and thread; may be nested.

        Args:
            what: Said of the record when the system refuses something meanwhile.

        Raises:
            JournalError: that, or somebody else held it too long.
        """
        with self._threads:
            try:
                if self._depth == 0:
                    self._lock()
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    if self._depth == 0:
                        fcntl.flock(self._lock_file, fcntl.LOCK_UN)
            except OSError as error:
                raise self._fault(what, error) from error

    def _lock(self) -> None:
        deadline = time.monotonic() + self._lock_seconds
        while True:
            if self._lock_file < 0:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock_file = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"another process has held the record's lock for {self._lock_seconds:g} s",
                        where=f"record {self.folder}",
                        next_step="Find the stopped gatehost process and continue or end it",
                    ) from None
                time.sleep(0.0005)
                continue
            if os.fstat(self._lock_file).st_nlink:
                return
            # The file was removed: whoever makes a new one would not see our lock.
            os.close(self._lock_file)
            self._lock_file = -1

    def _current(self) -> _End:
        end = self._end
        if end is not None:
            state = os.fstat(end.file)
            if state.st_nlink and state.st_size == end.size and not os.path.exists(end.next_path):  # noqa: PTH110
                return end
            if state.st_nlink == 0 or state.st_size < end.size:
                raise JournalError(
                    "the record was cut or removed while it was being written",
                    where=str(segment_path(self.folder, end.number)),
                    next_step="`gatehost audit verify` names the first missing entry",
                )
            os.close(end.file)
            self._end = None
        self._end = self._load()
        return self._end

    def _load(self) -> _End:
        paths = segment_paths(self.folder)
        path = paths[-1] if paths else segment_path(self.folder, 1)
        file = self._open(path, new=not paths)
        try:
            size = self._mended(file, path)
            if size:
                head = _head(file, size, path)
            elif len(paths) > 1:
                head = self._head_of(paths[-2])
            else:
                head = Head()
        except BaseException:
            os.close(file)
            raise
        return self._end_at(file, int(path.stem), size, head)

    def _open(self, path: Path, *, new: bool) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags | (os.O_CREAT | os.O_EXCL if new else 0), 0o600)
        if new:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return file

    def _mended(self, file: int, path: Path) -> int:
        """The size after a torn last line was cut off."""
        size = os.fstat(file).st_size
        start = _last_line_start(file, size)
        if start == size:
            return size
        self.cut += os.pread(file, min(size - start, _CUT_KEPT), start)
        self.cut_bytes += size - start
        os.ftruncate(file, start)
        logger.warning("%s ended in the middle of a line; %s bytes were cut off", path, size - start)
        return start

    def _head_of(self, path: Path) -> Head:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return _head(file, os.fstat(file).st_size, path)
        finally:
            os.close(file)

    def _rotate(self, end: _End) -> _End:
        os.fdatasync(end.file)
        number = end.number + 1
        file = self._open(segment_path(self.folder, number), new=True)
        os.close(end.file)
        self._end = self._end_at(file, number, 0, end.head)
        return self._end

    def _end_at(self, file: int, number: int, size: int, head: Head) -> _End:
        return _End(file, number, size, head, str(segment_path(self.folder, number + 1)))

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise self._fault(what, error) from error

    def _fault(self, what: str, error: OSError) -> JournalError:
        return JournalError(
            f"{what}: {error.strerror or error}",
            where=f"record {self.folder}",
            next_step="Check the disk's free space and the folder's permissions",
        )


def _write_all(end: _End, data: bytes) -> None:
    try:
        written = 0
        while written < len(data):
            written += os.write(end.file, data[written:])
    except OSError:
        with contextlib.suppress(OSError):  # else the next one who holds the lock cuts it
            os.ftruncate(end.file, end.size)
        raise


def _last_line_start(file: int, size: int) -> int:
    """Where the bytes after the last line feed begin; `size` when there are none."""
    end = size
    while end > 0:
        start = max(end - _TAIL, 0)
        at = os.pread(file, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _head(file: int, size: int, path: Path) -> Head:
    # The last line, without its line feed, begins behind the line feed before it.
    start = _last_line_start(file, size - 1)
    data = os.pread(file, min(size - 1 - start, LINE_LIMIT), start)
    try:
        return Head(parse(data).n, link(data))
    except Malformed as error:
        raise JournalError(
            f"its last line {error}, so nothing can be appended",
            where=str(path),
            next_step="`gatehost audit verify` names the first wrong entry; restore the file from a copy",
        ) from error
