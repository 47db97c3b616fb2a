"""Where a path text points inside a sandbox, with `..` and the symlinks of declared mounts resolved.

Decides: the resolution that `path_within` and `not_within` judge. Does not decide whether the place is
allowed, and does not hold against a server that changes links between this look and its own: the
mounts are the guarantee.
"""

import errno
import posixpath
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from sandboxes.interface import Mount

_MAX_LINKS = 40  # as Linux (path_resolution(7))
_ALIASES = frozenset({"/proc", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
"""Where the kernel keeps links into everything else (proc(5): root, cwd, fd); what they lead to cannot be told."""


def resolve(text: str, mounts: Sequence[Mount]) -> str | None:
    """The absolute sandbox path that `text` names, or None when that cannot be told.

    A relative text is taken from `/`, where every sandbox starts its server. Outside the mounts lies the
    image, whose links we do not know; there the text counts as it stands. Not so for what leads through
    `/proc` or to open descriptors: `/proc/self/root/repo` is another name of `/repo`.
    """
    if "\0" in text or len(text) > 4096:
        return None
    pending: deque[str] = deque(part for part in text.split("/") if part not in {"", "."})
    place = "/"
    links = 0
    while pending:
        part = pending.popleft()
        if part == "..":
            place = posixpath.dirname(place)
            continue
        place = posixpath.join(place, part)
        if place in _ALIASES:
            return None
        try:
            target = _link_target(place, mounts)
        except (OSError, ValueError):
            return None
        if target is None:
            continue
        links += 1
        if links > _MAX_LINKS:
            return None
        pending.extendleft(reversed([step for step in target.split("/") if step not in {"", "."}]))
        place = "/" if target.startswith("/") else posixpath.dirname(place)
    return place


def _link_target(place: str, mounts: Sequence[Mount]) -> str | None:
    host = _host_path(place, mounts)
    if host is None:
        return None
    try:
        return str(host.readlink())
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.ENOENT, errno.ENOTDIR}:
            return None  # no link, or nothing there: the text counts as it stands
        raise


def _host_path(place: str, mounts: Sequence[Mount]) -> Path | None:
    """The host path behind `place`; the innermost mount that strictly contains it wins."""
    best: Mount | None = None
    for mount in mounts:
        inside = place.startswith(mount.at.rstrip("/") + "/")
        if inside and (best is None or len(mount.at) > len(best.at)):
            best = mount
    if best is None:
        return None
    return best.host / place[len(best.at.rstrip("/")) + 1 :]
