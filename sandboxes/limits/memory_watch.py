"""How much memory a server's processes hold together: measured while it runs, where no control group can bound it.

Decides: when it is too much. Does not end the server: its kind does. What is taken and given back between two looks is
not seen, so this does not count as enforcement of a limit that the operator wrote down.

Pages that processes share are counted once (`Pss`, proc_pid_smaps_rollup(5)), or every fork would seem to double them.
That is slow to read, so it is read only when the quick count is beyond the limit.
"""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from sandboxes.processes.proc_facts import children
from sandboxes.wire.decoder import size_text

_LOOK_SECONDS = 0.1
_MOST_PROCESSES = 4096


async def watch_memory(first: int, limit: int, end: Callable[[str], None]) -> None:
    """Look again and again; call `end` with the reason once, and return. Forever otherwise.

    Args:
        first: The process that all others of the sandbox come from.
        limit: Bytes.
    """
    while True:
        await anyio.sleep(_LOOK_SECONDS)
        if await anyio.to_thread.run_sync(holds_more, first, limit):
            end(f"used more than {size_text(limit)} of memory (limits.memory)")
            return


def holds_more(first: int, limit: int) -> bool:
    """Whether `first` and all that came from it hold more than `limit` bytes now."""
    family = _family(first)
    if sum(map(_resident, family)) <= limit:
        return False
    return sum(map(_shared_out, family)) > limit


def _family(first: int) -> list[int]:
    found = [first]
    for pid in found:
        found += children(pid)
        if len(found) > _MOST_PROCESSES:
            break
    return found


def _resident(pid: int) -> int:
    try:
        return int((Path("/proc") / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0  # Gone.


def _shared_out(pid: int) -> int:
    """Bytes, each shared page divided among those that share it; all of it where that cannot be read."""
    try:
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return _resident(pid)
