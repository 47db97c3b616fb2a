"""Limits where systemd owns the control groups: the server's launcher runs in a scope of its own (systemd-run(1)).

Decides: the command in front, and whether it works here; that is tried, not looked up. Does not decide what falls back
where it does not; what stands is read back by `cgroup_facts`.
"""

import os
import shutil
import subprocess  # noqa: TID251 -- one look at whether a scope can be had
from functools import lru_cache

from sandboxes.runtime.host_facts import has_systemd, is_root

_NEEDED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_PATH = "/usr/bin:/bin"


def scope_command(*, memory: int, pids: int, cpus: float) -> list[str]:
    """What to put in front of a program that then needs an empty environment (`env -i`).

    Args:
        memory: Bytes; no swap on top.
    """
    limits = (
        f"MemoryMax={memory}",
        "MemorySwapMax=0",
        f"TasksMax={pids}",
        f"CPUQuota={max(1, round(cpus * 100))}%",
    )
    scope = ["--scope", "--quiet", "--collect", *(word for limit in limits for word in ("-p", limit))]
    return ["systemd-run", *([] if is_root() else ["--user"]), *scope, "--", "env", "-i"]


def scope_env() -> dict[str, str]:
    """What systemd-run itself needs to reach its manager; the server gets none of it."""
    return {"PATH": _PATH, **{name: os.environ[name] for name in _NEEDED if name in os.environ}}


@lru_cache(maxsize=1)
def can_scope() -> bool:
    """Whether a scope can be had here. Takes some tens of milliseconds, once."""
    if not has_systemd() or shutil.which("systemd-run", path=_PATH) is None:
        return False
    try:
        done = subprocess.run(
            [*scope_command(memory=64 * 1024**2, pids=32, cpus=0.5), "/bin/true"],
            env=scope_env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
