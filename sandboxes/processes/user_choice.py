"""Whose uid a server runs under, and whether its mounts exist: what every confining kind decides the same way.

Decides: the owner of the writable mount, so that what a server writes belongs to whom the folder belongs; else
65534, which owns nothing. uid 0 only for a folder of root's, and then without any capability. Does not decide
how a kind becomes that user.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from context.errors import SandboxError
from context.visible_text import escape_line
from sandboxes.interface import Mount, SandboxSpec

NOBODY = 65534

_KERNEL_FOLDERS = frozenset({"proc", "sys", "dev"})


@dataclass(frozen=True, slots=True)
class User:
    """Numeric ids, and what a reader of the evidence must know about them."""

    uid: int
    gid: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def all_mounts(spec: SandboxSpec) -> tuple[Mount, ...]:
    """The program's mounts and the declared ones, outer before inner, so that an overlay covers what is under it."""
    return tuple(sorted((*spec.program.mounts, *spec.mounts), key=lambda mount: mount.at.rstrip("/").count("/")))


def check_mounts(spec: SandboxSpec) -> None:
    """Raises: SandboxError when a mount's host path is missing or leads through a symlink, or its place inside is
    not an absolute path."""
    for mount in all_mounts(spec):
        parts = [part for part in mount.at.split("/") if part]
        if not mount.at.startswith("/") or ".." in parts or not parts or parts[0] in _KERNEL_FOLDERS or ":" in mount.at:
            raise SandboxError(
                f"nothing can be mounted at {escape_line(mount.at)}",
                where=f"server {spec.server}",
                next_step="Give `at` an absolute path without `..` and `:`, outside /proc, /sys and /dev: /data",
            )
        if not mount.host.exists():
            raise SandboxError(
                f"{escape_line(str(mount.host))} does not exist, so it cannot be mounted at {escape_line(mount.at)}",
                where=f"server {spec.server}",
                next_step="Create it, or correct `host` in that mount",
            )
    for mount in spec.mounts:
        # Another server that may write the folder around it could have put a link in its place since it was declared.
        if Path(os.path.realpath(mount.host)) != mount.host:
            raise SandboxError(
                f"{escape_line(str(mount.host))} leads through a symlink, so what is mounted is not what was declared",
                where=f"server {spec.server}",
                next_step="See who put the link there; then name the folder itself in that mount",
            )


@dataclass(frozen=True, slots=True)
class UserSpace:
    """The user namespace that a sandbox's ids are counted in: those of this machine from `first` on are 0, 1, … inside.

    Attributes:
        own: Of a rootless engine: this one uid of the machine is uid 0 inside.
    """

    first: int = 0
    size: int = 2**32 - 1
    own: int | None = None

    def inside(self, uid: int) -> int | None:
        """What this machine's `uid` is inside, or None when it does not exist there."""
        if self.own is not None:
            return 0 if uid == self.own else None
        return uid - self.first if self.first <= uid < self.first + self.size else None


def choose_user(mounts: Iterable[Mount], space: UserSpace | None = None) -> User:
    """The owner of the first writable mount, else nobody.

    Args:
        space: How ids inside differ from this machine's; None where they do not.
    """
    space = space or UserSpace()
    owners: list[tuple[int, int]] = []
    closed: list[str] = []
    for mount in mounts:
        found = mount.host.stat()
        if mount.mode == "rw":
            owners.append((found.st_uid, found.st_gid))
        elif not found.st_mode & stat.S_IROTH and found.st_uid != NOBODY:
            closed.append(mount.at)
    if not owners:
        note = f"runs as uid {NOBODY}, which may not read {', '.join(closed)}: closed to others on the host"
        return User(NOBODY, NOBODY, (escape_line(note),) if closed else ())
    (uid, gid), notes = owners[0], list[str]()
    inner, inner_group = space.inside(uid), space.inside(gid)
    if inner is None:
        note = (
            f"its rw mount belongs to uid {uid}, which the engine's user namespace does not have: it cannot write there"
        )
        return User(NOBODY, NOBODY, (note,))
    if uid == 0:
        notes.append("runs as uid 0, without any capability, because its rw mount belongs to root")
    elif inner == 0:
        notes.append(f"runs as uid 0 of the engine's user namespace, which is uid {uid} here, without any capability")
    if len({owner for owner, _ in owners}) > 1:
        notes.append(f"its rw mounts have several owners; it runs as the first one's, uid {uid}")
    return User(inner, inner if inner_group is None else inner_group, tuple(notes))
