"""Which version of a package is the newest, for the error about a source that leaves it open.

Decides: nothing that is locked. It asks the ordinary clients, and says nothing where they cannot tell.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from context.errors import GatehostError
from sandboxes.interface import SandboxHome
from sandboxes.packages.clients import run_uv
from sandboxes.packages.locked import NPM_NAME, PYPI_NAME
from sandboxes.runtime.host_commands import run_command
from sandboxes.runtime.node import node_folder

_SECONDS = 60.0
_PINNED = re.compile(r"^[^ =]+==([A-Za-z0-9.!+_-]{1,128})", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+[A-Za-z0-9.+-]{0,100}")


async def newest_version(kind: str, name: str, *, home: SandboxHome) -> str | None:
    """The newest version of `pypi` or `npm` package `name`; None when nobody can tell quickly. Never raises."""
    with TemporaryDirectory(prefix="gatehost-") as folder:
        try:
            if kind == "pypi" and re.fullmatch(rf"{PYPI_NAME.pattern}(?:\[[A-Za-z0-9._,-]+\])?", name):
                return await _from_pypi(name, Path(folder))
            if kind == "npm" and NPM_NAME.fullmatch(name):
                return await _from_npm(name, Path(folder), home)
        except GatehostError:
            return None
    return None


async def _from_pypi(name: str, folder: Path) -> str | None:
    done = await run_uv(
        [
            *("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--no-deps", "--no-emit-index-url"),
            *("--only-binary", ":all:", "--python", sys.executable),
        ],
        timeout=_SECONDS,
        cwd=folder,
        stdin=f"{name}\n".encode(),
    )
    found = _PINNED.search(done.stdout) if done.code == 0 else None
    return found[1] if found else None


async def _from_npm(name: str, folder: Path, home: SandboxHome) -> str | None:
    npm, node = shutil.which("npm"), node_folder(home)
    if npm is not None:
        command = [npm]
    elif node is not None:
        command = [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
    else:
        return None
    done = await run_command(
        [*command, "view", name, "version", "--json", "--ignore-scripts"], timeout=_SECONDS, cwd=folder
    )
    try:
        said: object = json.loads(done.stdout) if done.code == 0 else None
    except ValueError:
        return None
    return said if isinstance(said, str) and _VERSION.fullmatch(said) else None
