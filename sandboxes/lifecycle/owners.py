"""Who owns a sandbox or a run: a process, named so that its death can be told for sure.

Decides: the owner text and whether that owner still lives. Does not decide what happens to what a
dead owner left; sandboxes and the journal do.

A process id alone is reused, so the text carries the boot, the pid namespace and the start time too.
"""

import os
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")


@lru_cache(maxsize=1)
def this_process() -> str:
    """`boot:namespace:pid:start` of this process. Cached; a forked child must not use it."""
    return f"{_boot()}:{_namespace()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_dead(owner: str) -> bool:
    """True only when it is certain: another boot of this machine, or a gone or reused pid of our namespace.

    An owner in another pid namespace (a container beside us) cannot be seen, so it counts as alive.
    """
    try:
        boot, namespace, pid, start = owner.split(":")
    except ValueError:
        return False
    if boot != _boot():
        return True
    if namespace != _namespace():
        return False
    try:
        return _start_time(int(pid)) != start
    except (OSError, ValueError):
        return True


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:16]


def _namespace() -> str:
    return str((_PROC / "self/ns/pid").stat().st_ino)


def _start_time(pid: int) -> str:
    """Field 22 of `/proc/PID/stat`, clock ticks since boot; a zombie counts as gone."""
    stat = (_PROC / str(pid) / "stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    if fields[0] in {"Z", "X"}:
        raise ProcessLookupError(pid)
    return fields[19]
