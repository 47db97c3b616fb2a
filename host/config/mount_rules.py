"""Which parts of this machine a server may be shown, and how configuration inside them stays ours.

Decides: the host paths and places that are refused, and the read-only mounts laid over configuration, policies
and the lock inside a writable mount. Does not decide how a sandbox makes a mount.

The attack behind the overlays: a server that may write a project folder writes its own next configuration.
A folder that merely contains configuration can be renamed as a whole, the overlay moving along with it, and
a forged one made in its place; so each folder on the way is mounted over itself, and a mount point cannot be
renamed (rename(2), EBUSY).
"""

import json
import os
import posixpath
import pwd
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.project_files import LOCK_NAME, POLICIES_NAME, SERVERS_NAME, SETTINGS_NAME
from host.config.small_files import shown
from host.config.toml_files import KeyPath, TomlFile
from sandboxes.interface import Mount
from sandboxes.settings import MountSettings

CONFIG_NAMES = (SERVERS_NAME, SETTINGS_NAME, LOCK_NAME, POLICIES_NAME)
"""What is never writable by a server, in the servers file's folder and in those above it."""

_FIRST_PERSON = 1000
_NOBODY = 65534
_KERNEL = tuple(map(Path, ("/proc", "/sys", "/dev")))
_SOCKETS = (
    "docker.sock",
    "containerd/containerd.sock",
    "podman/podman.sock",
    "crio/crio.sock",
    "dbus/system_bus_socket",
    "systemd/private",
    "user/*/docker.sock",
    "user/*/podman/podman.sock",
    "user/*/bus",
)
_NOT_INSIDE = (
    *("/proc", "/sys", "/dev", "/opt/server", "/opt/node", "/usr", "/etc", "/run", "/var/run"),
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot"),
)
_SCRATCH = "/tmp"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a servers file stands.

    Attributes:
        folder: Symlinks resolved.
        files: The configuration in use, by path: never writable, under whatever name.
    """

    folder: Path
    files: tuple[Path, ...] = ()


def resolve_mounts(
    file: TomlFile, keys: KeyPath, declared: Sequence[MountSettings], *, ground: Ground, state: Path
) -> tuple[Mount, ...]:
    """The declared mounts with absolute host paths, symlinks resolved.

    Args:
        keys: Key path of the list in `file`.
        state: The state folder: journal, record and packages are no server's business.

    Raises:
        ConfigError: a path is missing or refused, or two mounts share one place.
    """
    mounts: list[Mount] = []
    places: set[str] = set()
    for index, item in enumerate(declared):
        key = (*keys, index)
        fault = _place_fault(item.at)
        if fault is not None:
            raise file.fault(
                (*key, "at"), fault, next_step='Write an absolute path of the sandbox, for example at = "/repo"'
            )
        if item.at in places:
            raise file.fault(
                (*key, "at"), f"two mounts stand at `{escape_line(item.at, 200)}`", next_step="Give each its own place"
            )
        places.add(item.at)
        host = _host_path(file, (*key, "host"), item.host, ground.folder)
        refusal = _refusal(host, state)
        if refusal is None and item.mode == "rw":
            refusal = _inexact(item.host, host, ground.folder) or _own_refusal(host, ground)
        if refusal is not None:
            raise file.fault((*key, "host"), f"{shown(host)} {refusal[0]}", next_step=refusal[1])
        mounts.append(Mount(host, item.at, item.mode))
    return tuple(mounts)


def config_overlays(declared: Sequence[Mount], *, ground: Ground, where: str) -> tuple[Mount, ...]:
    """What to lay over the writable mounts among `declared`, outer before inner.

    Only files that exist can be covered. One that a server makes where there was none is found by
    `gatehost trust`, which asks again whenever a project's files change.

    Raises:
        ConfigError: such a file is a symlink inside a writable mount: the link itself could be replaced.
    """
    found: dict[str, Mount] = {}
    for mount in declared:
        if mount.mode != "rw" or not mount.host.is_dir():
            continue
        for path in _config_paths(ground, mount.host):
            if not path.is_relative_to(mount.host) or not os.path.lexists(path):
                continue
            place = posixpath.join(mount.at, path.relative_to(mount.host).as_posix())
            if _innermost(declared, place) is not mount:
                continue
            if path.is_symlink():
                raise ConfigError(
                    f"{shown(path)} is a symlink inside a writable mount and cannot be protected there",
                    where=where,
                    next_step='Put the file itself there, or mount with mode = "ro"',
                )
            for folder in _between(mount.host, path):
                step = posixpath.join(mount.at, folder.relative_to(mount.host).as_posix())
                if _innermost(declared, step) is mount:
                    found.setdefault(step, Mount(folder, step, "rw"))
            found[place] = Mount(path, place, "ro")
    return tuple(sorted(found.values(), key=lambda mount: mount.at.count("/")))


def _config_paths(ground: Ground, mount: Path) -> Iterator[Path]:
    folders = [mount, ground.folder, *ground.folder.parents]
    for folder in folders:
        for name in CONFIG_NAMES:
            yield folder / name
    for file in ground.files:
        yield file.parent.resolve() / file.name
        yield file.resolve()


def _between(outer: Path, path: Path) -> list[Path]:
    """The folders strictly between the two."""
    return [folder for folder in path.parents if folder != outer and folder.is_relative_to(outer)]


def _innermost(mounts: Iterable[Mount], place: str) -> Mount | None:
    holding = [mount for mount in mounts if place == mount.at or place.startswith(mount.at.rstrip("/") + "/")]
    return max(holding, key=lambda mount: len(mount.at), default=None)


def _place_fault(at: str) -> str | None:
    shown_at = escape_line(at, 200)
    if not at.startswith("/") or at == "/" or posixpath.normpath(at) != at or at.startswith("//"):
        return f"`{shown_at}` is no absolute path without `.`, `..` and double slashes"
    if not at.isprintable() or ":" in at:
        return f"`{shown_at}` holds a character that has no place in a mount"
    if at == _SCRATCH:
        return "`/tmp` is the sandbox's own scratch space"
    for kept in _NOT_INSIDE:
        if at == kept or at.startswith(kept + "/"):
            return f"`{shown_at}` lies in `{kept}`, which belongs to the sandbox"
    return None


def _host_path(file: TomlFile, keys: KeyPath, text: str, folder: Path) -> Path:
    if not text:
        raise file.fault(keys, "the path is empty", next_step='Write `host = "."` for the folder of this file')
    if not text.isprintable():
        raise file.fault(keys, "the path holds a character that cannot be shown", next_step="Rename it")
    try:
        return (folder / text).resolve(strict=True)
    except FileNotFoundError as error:
        raise file.fault(
            keys,
            f"{shown(folder / text)} does not exist",
            next_step="Create it, or correct the path; it is relative to this file, and `~` is not expanded",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "symlinks lead in a circle"
        raise file.fault(
            keys, f"{shown(folder / text)} cannot be used: {escape_line(reason, 100)}", next_step="Correct the path"
        ) from error


def _refusal(host: Path, state: Path) -> tuple[str, str] | None:
    """Why no server may be shown `host`, with the next step."""
    smaller = "Mount a folder inside it"
    if host == Path("/"):
        return "is the whole machine", smaller
    if any(host.is_relative_to(tree) for tree in _KERNEL):
        return "belongs to the kernel", "Mount something else"
    mode = host.stat().st_mode
    if stat.S_ISSOCK(mode):
        return "is a socket: whoever listens there would be reachable from inside", "Mount no sockets"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "is neither a file nor a folder", "Mount a file or a folder"
    state = state.resolve()
    if host.is_relative_to(state) or state.is_relative_to(host):
        return f"touches the state folder {shown(state)}", "Mount another folder, or move the state with GATEHOST_HOME"
    if any(home.is_relative_to(host) for home in _homes()) or host.parent == Path("/home"):
        return "is, or holds, somebody's home folder", smaller
    if any(socket.is_relative_to(host) for socket in _known_sockets()):
        return "holds the socket of an engine or of the system", smaller
    return None


def _inexact(text: str, host: Path, folder: Path) -> tuple[str, str] | None:
    """What is written to must be what stands in the file: a link or a `..` may come to mean another folder."""
    if ".." not in Path(text).parts and folder / text == host:
        return None
    return (
        f"is where {shown(Path(text))} leads, and a writable mount needs the exact path, without symlinks and `..`",
        f"Write host = {json.dumps(str(host), ensure_ascii=False)}",
    )


def _own_refusal(host: Path, ground: Ground) -> tuple[str, str] | None:
    own = {path.resolve() for path in _config_paths(ground, ground.folder) if path.exists()}
    if any(host.is_relative_to(path) for path in own):
        return "is configuration and is never writable by a server", 'Write mode = "ro"'
    return None


def _homes() -> set[Path]:
    """Home folders of people and of root, and the current one; service accounts live in shared places."""
    found = {Path(entry.pw_dir) for entry in pwd.getpwall() if _is_person(entry.pw_uid)}
    found.add(Path(os.environ.get("HOME") or "/root"))
    return {home.resolve() for home in found if home.is_absolute() and home != Path("/") and home.is_dir()}


def _is_person(uid: int) -> bool:
    return uid in (0, os.getuid()) or (uid >= _FIRST_PERSON and uid != _NOBODY)


def _known_sockets() -> list[Path]:
    run = Path("/run")
    return [socket for pattern in _SOCKETS for socket in run.glob(pattern)]
