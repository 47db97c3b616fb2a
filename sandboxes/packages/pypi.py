"""Packages from PyPI: resolved and unpacked by uv, wheels only, for the sandbox's Python.

Decides: which requirement lines are locked, and how an entry point is started inside. Does not decide
where packages come from (the operator's index). A source distribution runs code when it is built, so none
is ever built: a package without wheels is refused.
"""

import re
import sys
from collections.abc import Sequence
from importlib.metadata import PathDistribution
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio.to_thread

from context.errors import ConfigError, SandboxError
from context.visible_text import escape_line
from sandboxes.interface import Program, SandboxHome
from sandboxes.packages.clients import run_uv
from sandboxes.packages.entries import choose_entry
from sandboxes.packages.locked import Locked, check_locked, normal_name
from sandboxes.packages.source import Source
from sandboxes.packages.store import INSIDE, mount_of, place, provide
from sandboxes.runtime.facts import RuntimeFacts
from sandboxes.runtime.host_commands import last_words

PYTHON = "/usr/bin/python3"
"""The distribution's own, in the runtime image and under bubblewrap alike."""

_FLOOR = "3.11"
_RESOLVE_SECONDS = 180.0
_FETCH_SECONDS = 900.0
_SITE = f"{INSIDE}/site"
# All places stand in arguments of their own: where nothing is mounted, `unconfined` replaces them.
# `-I -S` keeps the current folder, the user's and the distribution's own packages out; this adds ours.
_LAUNCH = (
    "import site, sys; from importlib import import_module; from operator import attrgetter; "
    "folder, name, module, attr = sys.argv[1:5]; site.addsitedir(folder); site.setquit(); "
    "sys.argv = [name, *sys.argv[5:]]; sys.exit(attrgetter(attr)(import_module(module))())"
)
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


async def resolve(source: Source, *, home: SandboxHome, runtime: RuntimeFacts) -> Locked:
    """What `source` and everything it needs is, by exact version and hash. Downloads metadata only.

    The lock holds for every platform and for Python from 3.11 on, or from `runtime.python` on when the
    package needs a newer one.

    Raises:
        ConfigError: there is no such version, its needs contradict each other, or it has no wheels.
        SandboxError: the index cannot be reached.
    """
    del home
    extras = f"[{','.join(source.extras)}]" if source.extras else ""
    wanted = f"{source.name}{extras}=={source.version}"
    failed = ""
    for python in dict.fromkeys((_FLOOR, runtime.python)):
        # The working folder is empty: uv would take settings from a project around it.
        with TemporaryDirectory(prefix="gatehost-") as folder:
            done = await run_uv(
                [
                    *("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"),
                    *("--universal", "--python-version", python, "--python", sys.executable),
                    *("--only-binary", ":all:", "--generate-hashes", "--no-emit-index-url"),
                ],
                timeout=_RESOLVE_SECONDS,
                cwd=Path(folder),
                stdin=f"{wanted}\n".encode(),
            )
        if done.code == 0:
            return _locked(source, done.stdout)
        if done.code != 1:  # 1: no solution. Others: no index, no network, a fault of uv's own.
            raise SandboxError(
                f"{source} could not be resolved{last_words(done.stderr)}",
                next_step="Check the network and the package index that pip or uv is set to use",
            )
        failed = failed or done.stderr
    raise ConfigError(
        f"{source} could not be resolved{last_words(failed)}",
        next_step=(
            "Only wheels are installed, because building a source distribution would run its code here: "
            "use a version that has wheels"
            if "wheels" in failed or "source dist" in failed
            else "Check the name and the version"
        ),
    )


async def unpack(
    locked: Locked,
    *,
    home: SandboxHome,
    runtime: RuntimeFacts,
    entry: str | None = None,
    args: Sequence[str] = (),
) -> Program:
    """Fetch the locked wheels, check their hashes, lay them out for the sandbox's Python; how to start it.

    Raises:
        ConfigError: a wheel does not fit the platform; the entry point is unclear.
        SandboxError: the index cannot be reached, a hash differs, or the stored tree changed.
    """
    folder = place(home, locked, runtime)

    async def fill(tree: Path) -> None:
        await install(
            locked.requirements, tree / "site", python=runtime.python, platform=runtime.platform, name=locked.name
        )

    tree_digest = await provide(folder, fill)
    site = folder / "files" / "site"
    found = await anyio.to_thread.run_sync(_entry_points, site, locked.name)
    name = choose_entry(entry, list(found), package=locked.name)
    module, attr = found[name]
    env = {"PYTHONPATH": _SITE, "PYTHONDONTWRITEBYTECODE": "1"}
    if (site / "bin").is_dir():
        env["PATH"] = f"{_SITE}/bin:/opt/node/bin:/usr/local/bin:/usr/bin:/bin"
    return Program(
        argv=(PYTHON, "-I", "-S", "-B", "-X", "utf8", "-c", _LAUNCH, _SITE, name, module, attr, *args),
        mounts=(mount_of(folder),),
        env=env,
        digests={"lock": locked.digest, "tree": tree_digest, **locked.digests()},
    )


async def install(requirements: Sequence[str], site: Path, *, python: str, platform: str, name: str) -> None:
    """Lay hash-pinned wheels out in `site`. Runs nothing of them.

    Raises:
        ConfigError, SandboxError: as `unpack`.
    """
    done = await run_uv(
        [
            *("pip", "install", "--quiet", "--target", str(site), "--python", sys.executable),
            *("--python-platform", platform, "--python-version", python),
            *("--only-binary", ":all:", "--no-deps", "--require-hashes", "--requirements", "-"),
            # A hard link into uv's cache would let a later change there change what is stored here.
            *("--link-mode", "copy"),
        ],
        timeout=_FETCH_SECONDS,
        cwd=site.parent,
        stdin="".join(f"{line}\n" for line in requirements).encode(),
    )
    if done.code != 0:
        unfit = done.code == 1 and "wheels" in done.stderr
        raised = ConfigError if unfit else SandboxError
        raise raised(
            f"{name} could not be unpacked{last_words(done.stderr)}",
            next_step=f"It has no wheel for Python {python} on {platform}: use another version, or another base image"
            if unfit
            else "Check the network and the package index; a wrong hash means that the index serves another file",
        )
    await anyio.to_thread.run_sync(_drop_host_traces, site)


def _locked(source: Source, output: str) -> Locked:
    lines = re.sub(r" *\\\n *", " ", output).splitlines()
    locked = Locked(
        kind="pypi",
        name=source.name,
        version=source.version,
        extras=source.extras,
        requirements=tuple(line.strip() for line in lines if line.strip() and not line.startswith("#")),
    )
    try:
        check_locked(locked)
    except ValueError as error:
        raise ConfigError(
            f"{source} cannot be locked: {escape_line(str(error), 300)}",
            next_step="Use a version whose needs all come from the package index, with wheels",
        ) from error
    return locked


def _entry_points(site: Path, name: str) -> dict[str, tuple[str, str]]:
    """Console scripts of the package itself: name → module and attribute."""
    for info in sorted(site.glob("*.dist-info")):
        if normal_name(info.name.removesuffix(".dist-info").rpartition("-")[0]) != normal_name(name):
            continue
        found: dict[str, tuple[str, str]] = {}
        for point in PathDistribution(info).entry_points.select(group="console_scripts"):
            module, _, attr = point.value.partition("[")[0].replace(" ", "").partition(":")
            if _DOTTED.fullmatch(module) and _DOTTED.fullmatch(attr):
                found[point.name] = (module, attr)
        return found
    return {}


def _drop_host_traces(site: Path) -> None:
    """Remove uv's lock, and the scripts that it wrote for the host's Python: they cannot run inside."""
    (site / ".lock").unlink(missing_ok=True)
    scripts = site / "bin"
    if not scripts.is_dir():
        return
    for script in scripts.iterdir():
        if script.is_file() and not script.is_symlink():
            with script.open("rb") as file:
                first = file.read(4096)
            if first.startswith(b"#!") and b"python" in first:
                script.unlink()
    if not any(scripts.iterdir()):
        scripts.rmdir()
