"""Where unpacked packages lie: `<home>/servers/NAME-VERSION-DIGEST/`, complete or not there at all.

Decides: the folder's name, that it appears in one step, and that its content is still what was unpacked.
Does not decide what is unpacked; the registry kinds fill a staging folder.

Every start hashes the whole tree (2,000 files of 50 MB: 70 ms), because times and sizes can be put back by
whoever can write. It finds a changed, added or missing file; it cannot find one changed by somebody who also
rewrote the list beside the tree, which no sandbox can reach unless the operator mounted this very folder.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import anyio.to_thread

from context.errors import ConfigError, SandboxError
from context.json_values import JsonObject, digest
from context.visible_text import escape_line
from sandboxes.interface import Mount, SandboxHome
from sandboxes.lifecycle.owners import is_dead, this_process
from sandboxes.packages.locked import Locked
from sandboxes.runtime.facts import RuntimeFacts

INSIDE = "/opt/server"
"""Where a package's tree is seen inside every sandbox."""

_STAGING = ".staging-"
_LIST = "complete.json"
_MOST_FILES = 200_000


def servers_folder(home: SandboxHome) -> Path:
    return home.folder / "servers"


def place(home: SandboxHome, locked: Locked, runtime: RuntimeFacts) -> Path:
    """The folder for this lock on this platform, whether or not it exists yet."""
    key = digest({"lock": locked.digest, "python": runtime.python, "platform": runtime.platform})
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{locked.name}-{locked.version}").strip("-.")[:80]
    return servers_folder(home) / f"{readable}-{key.removeprefix('sha256:')[:12]}"


async def provide(folder: Path, fill: Callable[[Path], Awaitable[None]]) -> str:
    """Make sure that `folder` holds its package, unchanged; the digest of its tree.

    Args:
        fill: Fills an empty folder with the tree. Runs only when the package is not there yet.

    Raises:
        SandboxError: the stored tree changed, or cannot be written.
        ConfigError: what `fill` raises; the package holds what no package may.
    """
    if await anyio.to_thread.run_sync(folder.is_dir):
        return await anyio.to_thread.run_sync(_verify, folder)
    staging = folder.parent / f"{_STAGING}{this_process().replace(':', '_')}-{secrets.token_hex(4)}"
    try:
        tree = staging / "files"
        await anyio.to_thread.run_sync(lambda: tree.mkdir(parents=True, mode=0o755))
        await fill(tree)
        return await anyio.to_thread.run_sync(_finish, staging, folder)
    except OSError as error:
        raise SandboxError(
            f"the package could not be stored: {escape_line(str(error), 200)}",
            where=str(folder.parent),
            next_step="Check the disk and the folder's owner",
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(staging, ignore_errors=True))


def mount_of(folder: Path) -> Mount:
    return Mount(host=(folder / "files").resolve(), at=INSIDE, mode="ro")


def remove_staging(home: SandboxHome) -> list[str]:
    """Remove what dead processes left half unpacked; the names of what was removed."""
    removed: list[str] = []
    folder = servers_folder(home)
    if not folder.is_dir():
        return removed
    for left in sorted(folder.glob(f"{_STAGING}*")):
        owner = left.name.removeprefix(_STAGING).rpartition("-")[0].replace("_", ":")
        if is_dead(owner):
            shutil.rmtree(left, ignore_errors=True)
            removed.append(left.name)
    return removed


def _finish(staging: Path, folder: Path) -> str:
    tree = staging / "files"
    _open_modes(tree)
    files = _digests(tree)
    if not files:
        raise ConfigError("the package is empty", where=folder.name, next_step="Check its name and version")
    (staging / _LIST).write_text(json.dumps({"files": files}, sort_keys=True), encoding="utf-8")
    staging.chmod(0o755)
    try:
        staging.rename(folder)
    except OSError as error:
        # Another process was first. Its tree came from the same lock; ours goes, and its is verified.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return _verify(folder)
    return digest(files)


def _verify(folder: Path) -> str:
    try:
        listed = cast("JsonObject", json.loads((folder / _LIST).read_text(encoding="utf-8")))["files"]
        found = _digests(folder / "files")
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise _changed(folder, "it cannot be read") from error
    if listed != found:
        known = listed if isinstance(listed, dict) else {}
        name = next(name for name in sorted({*known, *found}) if known.get(name) != found.get(name))
        what = "is missing" if name not in found else "was added" if name not in known else "changed"
        raise _changed(folder, f"{escape_line(name, 200)} {what}")
    return digest(found)


def _changed(folder: Path, what: str) -> SandboxError:
    return SandboxError(
        f"the unpacked package is not what was unpacked: {what}",
        where=str(folder),
        next_step="Find out who wrote there, then remove the folder; it is unpacked again from the lock",
    )


def _digests(tree: Path) -> dict[str, str]:
    """Relative path → mode and SHA-256 of each file."""
    found: dict[str, str] = {}
    for name, entry in _walk(tree):
        status = entry.stat(follow_symlinks=False)
        mark = "x" if status.st_mode & stat.S_IXUSR else "-"
        with open(entry.path, "rb") as file:  # noqa: PTH123 -- thousands of files: no Path object for each
            found[name] = f"{mark}{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return found


def _walk(tree: Path) -> "list[tuple[str, os.DirEntry[str]]]":
    found: list[tuple[str, os.DirEntry[str]]] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(tree / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    found.append((name, entry))
                else:
                    # A link could lead the mount, or our own reading, out of the tree.
                    raise ConfigError(
                        f"the package holds a link or a device: {escape_line(name, 200)}",
                        next_step="Use another version of it",
                    )
                if len(found) > _MOST_FILES:
                    raise ConfigError(f"the package has more than {_MOST_FILES} files")
    return found


def _open_modes(tree: Path) -> None:
    """Readable for the sandbox's user whatever our umask is; never setuid, never writable for others."""
    for _, entry in _walk(tree):
        executable = entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR
        os.chmod(entry.path, 0o755 if executable else 0o644)  # noqa: PTH101 -- as above
    for folder, _, _ in os.walk(tree):
        os.chmod(folder, 0o755)  # noqa: PTH101
