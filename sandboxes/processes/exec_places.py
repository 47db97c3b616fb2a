"""Where a server may execute files: only where nobody can have written them.

Decides: the closed places of one server, whether this kernel can hold them closed, and the launcher in front of the
server's program. Does not do it: `launch_inside` does, inside, or `watch_inside` where there is no Landlock. What an
interpreter reads is not execution: it can run a script from a writable folder, as it could from its own memory.
"""

import ctypes
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from sandboxes.interface import Mount, SandboxSpec
from sandboxes.processes.user_choice import all_mounts
from sandboxes.runtime.host_facts import HOST_PYTHON
from sandboxes.seccomp.filter import filter_program

_CREATE_RULESET = 444
_VERSION = 1
_FIRST_USABLE = 2
"""Version 1 refuses every move of a file into another folder, which servers do all the time."""

_ALWAYS_CLOSED = ("/tmp", "/dev", "/proc", "/sys", "/run")


@lru_cache(maxsize=1)
def landlock_version() -> int:
    """The Landlock version of this kernel; 0 where it has none or it is switched off (landlock_create_ruleset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def unheld() -> str | None:
    """Why this kernel cannot keep writable places from being executed, or None."""
    version = landlock_version()
    if version >= _FIRST_USABLE:
        return None
    return "this kernel has no Landlock" if version == 0 else "this kernel's Landlock is too old (Linux 5.19 has it)"


def launched(spec: SandboxSpec, *, own_kernel: bool = False, gate: int | None = None) -> list[str]:
    """The server's command behind the launcher. The Python is the runtime image's, or that of the host's `/usr`.

    Args:
        own_kernel: The runtime has a kernel of its own. It may have no Landlock, so a second launcher in front watches
            what is executed; and what the engine hands it as a filter may be ignored (gVisor without `--oci-seccomp`),
            so the launcher loads that too.
        gate: A descriptor that the launcher reads `1` from before it becomes the server.
    """
    closed = ":".join(closed_places(spec))
    if not own_kernel:
        at = str(gate) if gate is not None else ""
        return [*_python("launch_inside"), "must", closed, "", at, *spec.program.argv]
    steps = b64encode(filter_program() or b"").decode()
    # Without a writable mount there is nothing to watch: what else can be written is mounted `noexec`.
    must = "must" if any(mount.mode == "rw" for mount in all_mounts(spec)) else "try"
    inner = [*_python("launch_inside"), "try", closed, steps, "", *spec.program.argv]
    return [*_python("watch_inside"), must, closed, *inner]


def closed_places(spec: SandboxSpec) -> list[str]:
    """Places inside whose files are not executed.

    A read-only mount is one of them when its host folder can be written through another mount: Landlock's rules
    hold for a folder by whatever name it is reached.
    """
    mounts = all_mounts(spec)
    writable = [mount.host for mount in mounts if mount.mode == "rw"]
    closed = [mount.at for mount in mounts if mount.mode == "rw" or _lies_in(mount, writable)]
    return sorted({*_ALWAYS_CLOSED, *closed})


def _lies_in(mount: Mount, folders: Iterable[Path]) -> bool:
    return any(mount.host.is_relative_to(folder) for folder in folders)


def _python(launcher: str) -> list[str]:
    return [HOST_PYTHON, "-I", "-S", "-c", _text(launcher)]


@lru_cache(maxsize=2)
def _text(launcher: str) -> str:
    return Path(__file__).with_name(f"{launcher}.py").read_text(encoding="utf-8")
