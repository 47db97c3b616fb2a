"""Packages from npm: resolved and unpacked by npm with every script off, for the sandbox's platform.

Decides: which tree is locked, and how a `bin` is started inside. Does not decide where packages come from
(the operator's registry). Dependencies from git, URLs and folders are refused: npm would run their scripts,
and no registry digest covers them.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import cast

import anyio.to_thread

from context.errors import ConfigError, SandboxError
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from sandboxes.interface import Mount, Program, SandboxHome
from sandboxes.packages.clients import NPM_SWITCHES, npm_platform_switches
from sandboxes.packages.entries import choose_entry
from sandboxes.packages.locked import TREE_FIELDS, Locked, check_locked
from sandboxes.packages.source import Source
from sandboxes.packages.store import INSIDE, mount_of, place, provide
from sandboxes.runtime.facts import RuntimeFacts
from sandboxes.runtime.host_commands import last_words, run_command
from sandboxes.runtime.node import NODE_INSIDE, provide_node

_SECONDS = 900.0
_MANIFEST_BYTES = 1024 * 1024


async def resolve(source: Source, *, home: SandboxHome, runtime: RuntimeFacts) -> Locked:
    """The whole tree that `source` brings, by exact version and integrity.

    Raises:
        ConfigError: there is no such version, or it needs something from outside of the registry.
        SandboxError: the registry cannot be reached.
    """
    with TemporaryDirectory(prefix="gatehost-") as name:
        folder = Path(name)
        (folder / "package.json").write_text(json.dumps(_root(source.name, source.version)), encoding="utf-8")
        await _npm(["install", "--package-lock-only"], folder, home=home, runtime=runtime, what=str(source))
        lock = cast("JsonObject", json.loads((folder / "package-lock.json").read_text(encoding="utf-8")))
    packages = lock.get("packages")
    tree = cast("dict[str, JsonObject]", packages) if isinstance(packages, dict) else {}
    locked = Locked(
        kind="npm",
        name=source.name,
        version=source.version,
        tree={key: _kept(source, key, entry) for key, entry in tree.items() if key},
    )
    try:
        check_locked(locked)
    except ValueError as error:
        raise ConfigError(
            f"{source} cannot be locked: {escape_line(str(error), 300)}",
            next_step="Use a version whose needs all come from the registry",
        ) from error
    return locked


async def unpack(
    locked: Locked,
    *,
    home: SandboxHome,
    runtime: RuntimeFacts,
    entry: str | None = None,
    args: Sequence[str] = (),
) -> Program:
    """Fetch the locked tarballs, check their integrity, lay them out; how to start the server.

    Raises:
        ConfigError: the entry point is unclear.
        SandboxError: the registry cannot be reached, an integrity differs, or the stored tree changed.
    """
    folder = place(home, locked, runtime)

    async def fill(tree: Path) -> None:
        root = _root(locked.name, locked.version)
        lock = {"lockfileVersion": 3, "requires": True, "packages": {"": root, **locked.tree}}
        (tree / "package.json").write_text(json.dumps(root), encoding="utf-8")
        (tree / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
        await _npm(["ci"], tree, home=home, runtime=runtime, what=locked.name, locked=True)
        for left in ("package.json", "package-lock.json", "node_modules/.package-lock.json"):
            (tree / left).unlink(missing_ok=True)

    tree_digest = await provide(folder, fill)
    own = folder / "files" / "node_modules" / locked.name
    bins = await anyio.to_thread.run_sync(_bins, own, locked.name)
    node = await provide_node(home)
    chosen = bins[choose_entry(entry, list(bins), package=locked.name)]
    return Program(
        argv=(f"{NODE_INSIDE}/bin/node", f"{INSIDE}/node_modules/{locked.name}/{chosen}", *args),
        # The image has the same Node; the other kinds have none but this.
        mounts=(mount_of(folder), Mount(host=node.resolve(), at=NODE_INSIDE, mode="ro")),
        digests={"lock": locked.digest, "tree": tree_digest, **locked.digests()},
    )


async def _npm(
    verb: Sequence[str],
    folder: Path,
    *,
    home: SandboxHome,
    runtime: RuntimeFacts,
    what: str,
    locked: bool = False,
) -> None:
    host_npm = shutil.which("npm")
    if host_npm is not None:
        command, env = [host_npm], dict(os.environ)
    else:
        # Its npm is a tool that we pinned by hash; with scripts off it runs nothing of the package.
        node = await provide_node(home)
        command = [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
        env = {**os.environ, "PATH": f"{node / 'bin'}:{os.environ.get('PATH', os.defpath)}"}
    switches = [*NPM_SWITCHES, *npm_platform_switches(runtime.machine, runtime.libc)]
    done = await run_command([*command, *verb, *switches], timeout=_SECONDS, cwd=folder, env=env)
    if done.code == 0:
        return
    words = last_words(done.stderr)
    if "no-git-dependencies" in done.stderr:
        raise ConfigError(
            f"{what} needs a package from a git repository", next_step="Use a version that needs only the registry"
        )
    if any(code in done.stderr for code in ("ETARGET", "E404", "ERESOLVE", "EBADPLATFORM")):
        raise ConfigError(f"{what} could not be resolved{words}", next_step="Check the name and the version")
    if "EINTEGRITY" in done.stderr:
        raise SandboxError(f"{what}: the registry serves another file than the locked one{words}")
    raise SandboxError(
        f"npm could not {'unpack' if locked else 'resolve'} {what}{words}",
        next_step="Check the network and the registry that npm is set to use",
    )


def _root(name: str, version: str) -> JsonObject:
    return {"name": "gatehost-server", "version": "0.0.0", "private": True, "dependencies": {name: version}}


def _kept(source: Source, key: str, entry: JsonObject) -> JsonObject:
    """The entry without what is not locked. What npm resolved around the registry still names its place here."""
    if "resolved" in entry or entry.get("link") is True:
        resolved = str(entry.get("resolved", ""))
        if not resolved.startswith(("http://", "https://")) or not _looks_like_registry(key, entry, resolved):
            raise ConfigError(
                f"{source} needs {escape_line(key, 120)} from outside of the registry",
                next_step="Use a version that needs only the registry",
            )
    return {name: value for name, value in entry.items() if name in TREE_FIELDS}


def _looks_like_registry(key: str, entry: Mapping[str, JsonValue], resolved: str) -> bool:
    # An npm older than 8.8 writes registry addresses too: `…/NAME/-/BASE-VERSION.tgz`.
    name = str(entry.get("name") or key.rpartition("node_modules/")[2])
    return resolved.endswith(f"/{name}/-/{name.rpartition('/')[2]}-{entry.get('version')}.tgz")


def _bins(package: Path, name: str) -> dict[str, str]:
    """Entry point → path inside the package, for those that are files of it."""
    try:
        with (package / "package.json").open("rb") as file:
            manifest = json.loads(file.read(_MANIFEST_BYTES))
        bins = cast("JsonObject", manifest).get("bin") if isinstance(manifest, dict) else None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name} has no readable package.json", next_step="Use another version of it") from error
    listed = {name.rpartition("/")[2]: bins} if isinstance(bins, str) else bins if isinstance(bins, dict) else {}
    found: dict[str, str] = {}
    for entry, path in listed.items():
        if isinstance(path, str) and not path.startswith("/") and ".." not in PurePosixPath(path).parts:
            inner = str(PurePosixPath(path))
            if (package / inner).is_file():
                found[entry] = inner
    return found
