"""The kinds of package source, in one list.

Decides: which module serves which kind. Does not decide anything about a package.
"""

from collections.abc import Sequence

from sandboxes.interface import Program, SandboxHome
from sandboxes.packages import npm, oci, pypi
from sandboxes.packages.locked import Locked
from sandboxes.packages.source import parse_source
from sandboxes.runtime.facts import RuntimeFacts

_KINDS = {"pypi": pypi, "npm": npm, "oci": oci}


async def resolve(source: str, *, home: SandboxHome, runtime: RuntimeFacts) -> Locked:
    """Pin everything that the package `source` brings. Runs nothing of it.

    Args:
        source: The `package` key, e.g. `pypi:mcp-server-git==2026.10.19`.

    Raises:
        ConfigError: malformed, not pinned, not there, or not installable without running it.
        SandboxError: the registry cannot be reached.
    """
    parsed = parse_source(source)
    return await _KINDS[parsed.kind].resolve(parsed, home=home, runtime=runtime)


async def unpack(
    locked: Locked,
    *,
    home: SandboxHome,
    runtime: RuntimeFacts,
    entry: str | None = None,
    args: Sequence[str] = (),
) -> Program:
    """Fetch and check what is locked, once; how to start it inside a sandbox. Runs nothing of it.

    Raises:
        ConfigError: the entry point is unclear, or the package does not fit the platform.
        SandboxError: it cannot be fetched, a digest differs, or the stored tree changed.
    """
    return await _KINDS[locked.kind].unpack(locked, home=home, runtime=runtime, entry=entry, args=args)
