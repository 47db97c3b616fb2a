"""How much a server adds to the folders that it may write: measured while it runs, as no engine bounds a bind mount.

Decides: when it is too much. Does not end the server: its kind does, and the kernel bounds each single file besides
(RLIMIT_FSIZE).

What counts is what changed in those folders since the server began, whoever changed it. A folder is read through at
once when its file system lost a budget's worth of room, and else now and then. A file that was unlinked while open is
seen only as lost room: it ends a server when the file system runs low, and vanishes with it.
"""

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from sandboxes.wire.decoder import size_text

_LOOK_SECONDS = 0.25
_WALK_SECONDS = 2.0
_REST_FACTOR = 100.0
"""A walk may cost at most one hundredth of the time."""

_LOW = 0.05
_BLOCK = 512


@dataclass(slots=True)
class DiskWatch:
    """Blocking looks at one server's writable folders.

    Args:
        folders: On the host.
        budget: Bytes.
        clock: Wall time in seconds, as file times are.
    """

    folders: Sequence[Path]
    budget: int
    clock: Callable[[], float] = time.time
    _since: float = 0.0
    _room: dict[int, int] = field(default_factory=dict[int, int])
    _walked_at: int = 0
    _next_walk: float = 0.0

    def __post_init__(self) -> None:
        self._since = self.clock() - 1
        for folder in self.folders:
            self._room[folder.stat().st_dev] = _room(folder)

    def look(self) -> str | None:
        """Why the server must end, or None."""
        lost = 0
        low = False
        for folder in self.folders:
            try:
                found = os.statvfs(folder)
                device = folder.stat().st_dev
            except OSError:
                continue  # Removed by somebody; then nothing more is added through it.
            room = found.f_bavail * found.f_frsize
            lost = max(lost, self._room.get(device, room) - room)
            low = low or room < min(self._room.get(device, room) // 2, int(found.f_blocks * found.f_frsize * _LOW))
        now = time.monotonic()
        if lost - self._walked_at > self.budget // 2 or now >= self._next_walk:
            written, whole = self._written()
            self._walked_at = lost
            self._next_walk = now + max(1.0, _REST_FACTOR * (time.monotonic() - now))
            if written > self.budget or (not whole and lost > self.budget):
                return f"added more than {size_text(self.budget)} to its writable mounts (limits.disk)"
        if low and lost > self.budget:
            return "was writing while the disk of its writable mounts ran full"
        return None

    def _written(self) -> tuple[int, bool]:
        """Bytes of files that changed since the start, and whether all could be read through in time."""
        total = 0
        end = time.monotonic() + _WALK_SECONDS
        pending = [str(folder) for folder in self.folders]
        while pending and total <= self.budget:
            if time.monotonic() > end:
                return total, False
            place = pending.pop()
            try:
                found = os.lstat(place)
                if not stat.S_ISDIR(found.st_mode):
                    total += self._counted(found)
                    continue
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        else:
                            total += self._counted(entry.stat(follow_symlinks=False))
            except OSError:
                continue
        return total, True

    def _counted(self, found: os.stat_result) -> int:
        return found.st_blocks * _BLOCK if found.st_ctime >= self._since else 0


async def watch_disk(folders: Sequence[Path], budget: int, end: Callable[[str], None]) -> None:
    """Look again and again; call `end` with the reason once, and return. Forever otherwise."""
    if not folders:
        return
    watch = await anyio.to_thread.run_sync(DiskWatch, folders, budget)
    while True:
        await anyio.sleep(_LOOK_SECONDS)
        why = await anyio.to_thread.run_sync(watch.look)
        if why is not None:
            end(why)
            return


def _room(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
