"""`gatehost sandbox probe`: attacks a real sandbox from its inside, and tells what came of it.

Decides: the options, which sandbox is meant, and how rows are shown. Does not decide what is tried nor what an outcome
means (`sandboxes.probes`).
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from context.errors import SandboxError, UsageError
from context.visible_text import escape_line
from host.cli.screen import progress, say, say_json
from sandboxes.interface import SandboxHome

if TYPE_CHECKING:
    from sandboxes.probes import Row


def add_probe(verbs: Any) -> None:
    """Add the sub-command."""
    probe = verbs.add_parser(
        "probe",
        help="attack a real sandbox from its inside, in 28 ways; exit 0 when nothing was allowed",
        description="Opens a sandbox as any server gets it, and tries from inside what no server may do. Every attempt "
        "is real, bounded, and made behind walls only. Exit code 0 when nothing was allowed, 7 when something was.",
        allow_abbrev=False,
    )
    probe.add_argument("--sandbox", metavar="KIND", help="docker or bubblewrap; the default one when left out")
    probe.add_argument("--runtime", metavar="NAME", help="a runtime of the engine, e.g. runsc; runc when left out")
    probe.add_argument(
        "--root-owned",
        action="store_true",
        help="as a server whose writable folder belongs to root, and which therefore runs as uid 0; needs root",
    )
    shape = probe.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a JSON array of rows on stdout")
    shape.add_argument(
        "--markdown",
        action="store_true",
        help="a table of all sandboxes and runtimes of this machine, as docs/sandboxes.md has it",
    )


def run_probe(home: SandboxHome, args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    if args.markdown:
        if args.sandbox or args.runtime or args.root_owned:
            raise UsageError("--markdown probes every sandbox of this machine", next_step="Leave the other options out")
        return anyio.run(_probe_all, home)
    return anyio.run(
        partial(_probe_one, home, args.sandbox, args.runtime, root_owned=args.root_owned, as_json=args.json)
    )


async def _probe_one(
    home: SandboxHome, sandbox: str | None, runtime: str | None, *, root_owned: bool, as_json: bool
) -> int:
    from sandboxes.probes import probe_sandbox
    from sandboxes.registry import get
    from sandboxes.runtime.host_facts import is_root
    from sandboxes.runtime.image import default_sandbox

    kind = get(sandbox or ("docker" if runtime else await default_sandbox(home)))
    if runtime is not None and kind.name != "docker":
        raise UsageError(
            f"the sandbox {kind.name} has no runtimes to choose from", next_step="Leave --runtime out, or probe docker"
        )
    if root_owned and not is_root():
        raise UsageError("only root can make a folder of root's", next_step="Leave --root-owned out, or run as root")

    def tell(text: str) -> None:
        if not as_json:
            progress(f"probing {text}")

    probed = await probe_sandbox(kind, home, runtime=runtime or "runc", root_owned=root_owned, say=tell)
    if as_json:
        say_json([item.as_json() for item in probed.rows])
    else:
        _show_rows(probed.rows)
        for note in probed.evidence.notes:
            say(f"note  {escape_line(note)}")
    return 0 if probed.held else 7


def _show_rows(rows: "Sequence[Row]") -> None:
    for item in rows:
        say(f"{item.probe:>2}  {item.outcome.replace('_', ' '):<14}  {item.name}")
        say(f"    {item.detail}")
    allowed = sum(item.outcome == "allowed" for item in rows)
    denied = sum(item.outcome == "denied" for item in rows)
    say(f"{denied} denied, {len(rows) - denied - allowed} not applicable, {allowed} allowed")


async def _probe_all(home: SandboxHome) -> int:
    from sandboxes.probes import probe_sandbox, table
    from sandboxes.registry import get
    from sandboxes.runtime.engine import look
    from sandboxes.runtime.host_facts import is_root
    from sandboxes.runtime.image import image_fault

    columns: dict[str, Sequence[Row]] = {}
    targets: list[tuple[str, str]] = []
    if await image_fault(home) is None:
        # The engine lists its own names of runc besides; they are the same program.
        runtimes = [name for name in (await look(home)).runtimes if not name.startswith("io.containerd.")]
        targets += [("docker", runtime) for runtime in runtimes]
    if await anyio.to_thread.run_sync(get("bubblewrap").unavailable) is None:
        targets.append(("bubblewrap", ""))
    for name, runtime in targets:
        heading = f"{name}, {runtime}" if runtime else f"{name}, as {'root' if is_root() else 'a normal user'}"
        progress(f"probing {heading}")
        columns[heading] = (await probe_sandbox(get(name), home, runtime=runtime or "runc")).rows
    if not columns:
        raise SandboxError("there is no sandbox here to probe", next_step="Run `gatehost sandbox build`")
    say(table(columns))
    return 7 if any(item.outcome == "allowed" for rows in columns.values() for item in rows) else 0
