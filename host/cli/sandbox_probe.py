"""`gatehost sandbox probe`: attacks a real sandbox from its inside, and tells what came of it.

Decides: the options, which sandbox is meant, and how rows are shown. Does not decide what is tried nor what an outcome
means (`sandboxes.probes`).
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from context.errors import SandboxError, UsageError
from context.visible_text import escape_line
from host.cli.common import add_file_options
from host.cli.sandbox_servers import Declared, declared_walls
from host.cli.screen import progress, say, say_json
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.slots import SlotLimits

if TYPE_CHECKING:
    from sandboxes.probes import Probed, Row

_ROOT, _USER = "root", "a normal user"


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
    add_file_options(probe)


def run_probe(home: SandboxHome, declared: Declared, args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    if args.markdown and (args.sandbox or args.runtime or args.root_owned):
        raise UsageError("--markdown probes every sandbox of this machine", next_step="Leave the other options out")
    return anyio.run(partial(_probe, home, declared, args))


async def _probe(home: SandboxHome, declared: Declared, args: argparse.Namespace) -> int:
    from sandboxes.runtime.host_facts import is_root

    if args.root_owned and not is_root():
        raise UsageError("only root can make a folder of root's", next_step="Leave --root-owned out, or run as root")
    walls = await _meant(home, declared, args)
    probed: dict[str, Probed] = {}
    for sandbox, runtime in walls:
        heading = _heading(sandbox, runtime)
        probed[heading] = await _one(home, sandbox, runtime, args, slots=declared.slots, alone=len(walls) == 1)
    _tell(probed, args)
    return 0 if all(each.held for each in probed.values()) else 7


async def _one(
    home: SandboxHome, sandbox: str, runtime: str, args: argparse.Namespace, *, slots: SlotLimits, alone: bool
) -> "Probed":
    from sandboxes.probes import probe_sandbox
    from sandboxes.registry import get

    before = "" if alone else f"{_heading(sandbox, runtime)}: "

    def tell(text: str) -> None:
        if not args.json and not args.markdown:
            progress(f"probing {before}{text}")

    if args.markdown:
        progress(f"probing {_heading(sandbox, runtime)}")
    return await probe_sandbox(
        get(sandbox), home, runtime=runtime or "runc", root_owned=args.root_owned, slots=slots, say=tell
    )


async def _meant(home: SandboxHome, declared: Declared, args: argparse.Namespace) -> list[tuple[str, str]]:
    """Kind and runtime of what is probed: what the options say; else what the servers of a file that was named stand
    behind; else the default.

    Raises:
        UsageError: the options contradict each other, or those servers stand behind no walls at all.
    """
    from sandboxes.registry import get
    from sandboxes.runtime.image import default_sandbox

    if args.sandbox or args.runtime:
        kind = get(args.sandbox or "docker")
        if args.runtime and kind.name != "docker":
            raise UsageError(
                f"the sandbox {kind.name} has no runtimes to choose from",
                next_step="Leave --runtime out, or probe docker",
            )
        asked = (kind.name, args.runtime or ("runc" if kind.name == "docker" else ""))
        of_theirs = [wall for wall in declared_walls(declared) if wall[0] == asked[0]] if declared.named else []
        if declared.named and asked not in of_theirs:
            if of_theirs and not args.runtime:
                return of_theirs
            progress(f"no server of that file stands behind {_heading(*asked)}")
        return [asked]
    if declared.named:
        if walls := declared_walls(declared):
            return walls
        raise UsageError(
            "no server of that file stands behind walls that could be probed",
            where="--servers",
            next_step="Name one with --sandbox, or leave --servers out",
        )
    if args.markdown:
        return await _all_walls(home)
    sandbox = await default_sandbox(home)
    return [(sandbox, "runc" if sandbox == "docker" else "")]


async def _all_walls(home: SandboxHome) -> list[tuple[str, str]]:
    from sandboxes.registry import get
    from sandboxes.runtime.engine import look
    from sandboxes.runtime.image import image_fault

    walls: list[tuple[str, str]] = []
    if await image_fault(home) is None:
        # The engine lists its own names of runc besides; they are the same program.
        runtimes = [name for name in (await look(home)).runtimes if not name.startswith("io.containerd.")]
        walls += [("docker", runtime) for runtime in runtimes]
    if await anyio.to_thread.run_sync(get("bubblewrap").unavailable) is None:
        walls.append(("bubblewrap", ""))
    if not walls:
        raise SandboxError("there is no sandbox here to probe", next_step="Run `gatehost sandbox build`")
    return walls


def _heading(sandbox: str, runtime: str) -> str:
    from sandboxes.runtime.host_facts import is_root

    return f"{sandbox}, {escape_line(runtime, 60)}" if runtime else f"{sandbox}, as {_ROOT if is_root() else _USER}"


def _tell(probed: "Mapping[str, Probed]", args: argparse.Namespace) -> None:
    from sandboxes.probes import merged, table

    columns = {heading: each.rows for heading, each in probed.items()}
    if args.markdown:
        say(table(columns))
    elif args.json:
        rows = next(iter(columns.values())) if len(columns) == 1 else merged(columns)
        say_json([item.as_json() for item in rows])
    else:
        for heading, each in probed.items():
            if len(probed) > 1:
                say(heading)
            _show_rows(each.rows)
            for note in each.evidence.notes:
                say(f"note  {escape_line(note)}")


def _show_rows(rows: "Sequence[Row]") -> None:
    for item in rows:
        say(f"{item.probe:>2}  {item.outcome.replace('_', ' '):<14}  {item.name}")
        say(f"    {item.detail}")
    allowed = sum(item.outcome == "allowed" for item in rows)
    denied = sum(item.outcome == "denied" for item in rows)
    say(f"{denied} denied, {len(rows) - denied - allowed} not applicable, {allowed} allowed")
