"""What this machine is: its Python for sandboxes that run on the host's files, its distribution, its rights.

Decides: how that is found out. Does not decide what to install; `engine` does.
"""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from context.errors import SandboxError
from sandboxes.runtime.facts import QUESTION, RuntimeFacts, read_answer
from sandboxes.runtime.host_commands import run_command

HOST_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Distribution:
    """From `/etc/os-release`: `name` is `debian`, `ubuntu` or another; `codename` as in apt's sources."""

    name: str
    codename: str

    @property
    def has_apt(self) -> bool:
        return self.name in {"debian", "ubuntu"} and bool(self.codename) and shutil.which("apt-get") is not None


async def host_facts() -> RuntimeFacts:
    """Of the distribution's own Python, which is what a bubblewrap sandbox shows its server.

    Raises:
        SandboxError: there is none.
    """
    if not os.access(HOST_PYTHON, os.X_OK):
        raise SandboxError(
            f"there is no {HOST_PYTHON}",
            next_step="Install the distribution's Python (`apt-get install python3`)",
        )
    done = await run_command([HOST_PYTHON, "-I", "-S", "-c", QUESTION], timeout=20.0)
    return read_answer(done.stdout, where=HOST_PYTHON)


def distribution() -> Distribution:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return Distribution("", "")
    return Distribution(release.get("ID", ""), release.get("VERSION_CODENAME", ""))


def user_namespaces_fault() -> str | None:
    """Why this user may not make user namespaces, as far as the kernel's settings say; None when nothing forbids it."""
    if not os.path.exists("/proc/self/ns/user"):  # noqa: PTH110 -- also asked from async code
        return "this kernel has no user namespaces"
    if _setting("/proc/sys/user/max_user_namespaces") == "0":
        return "user namespaces are switched off (user.max_user_namespaces = 0)"
    if is_root():
        return None
    if _setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are for root only (kernel.unprivileged_userns_clone = 0)"
    if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1)"
    return None


def is_root() -> bool:
    return os.geteuid() == 0


def has_systemd() -> bool:
    """Whether systemd is the running init (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")  # noqa: PTH112 -- also asked from async code


def system_path() -> str:
    """PATH with the folders of administrators' tools, which a normal user's may lack."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


def _setting(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
