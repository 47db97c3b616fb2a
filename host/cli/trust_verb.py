"""`gatehost trust`: shows what this folder's project files would allow, and trusts them once somebody says yes.

Decides: how that is shown and asked. Does not decide what belongs to a project's trust (`host.config.trust`).
"""

import argparse
import sys
from pathlib import Path

from host.cli.common import add_file_options
from host.cli.screen import progress, say, say_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of this verb."""
    parser.add_argument("--yes", action="store_true", help="trust without asking; needs no terminal")
    parser.add_argument("--json", action="store_true", help="show as one JSON object; trusts only with --yes")
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    """Show, ask, trust.

    Returns:
        0 when the files are trusted at the end, or none needs it; 2 when they are not.
    """
    from host.config.project_files import find_project
    from host.config.trust import describe, give_trust, look_at
    from host.home import find_home

    home = find_home()
    project = find_project(
        Path.cwd(),
        config=Path(args.config) if args.config else None,
        servers=Path(args.servers) if args.servers else None,
    )
    state = look_at(project, home)
    if state is None or (not any(state.now[unit] for unit in state.needed) and state.is_trusted):
        if args.json:
            say_json({"folder": None, "trusted": True, "files": [], "changes": [], "allows": []})
        else:
            say("No project file here needs trust.")
        return 0
    allows = describe(project, home)
    changes = state.changes
    if not args.json:
        for line in allows:
            say(line)
        for line in changes:
            say(f"* {line}")
    trusted = state.is_trusted
    asks = not (trusted or args.yes or args.json) and sys.stdin is not None and sys.stdin.isatty()
    if not trusted and (args.yes or (asks and _agreed())):
        give_trust(state, home)
        trusted = True
    if args.json:
        files = [{"path": path, "digest": mark} for unit in state.needed for path, mark in state.now[unit].items()]
        say_json(
            {"folder": str(state.anchor), "trusted": trusted, "files": files, "changes": changes, "allows": allows}
        )
    elif trusted:
        say("Trusted. A change of these files asks again.")
    elif asks:
        progress("gatehost: not trusted")
    else:
        progress("gatehost: not trusted. `gatehost trust --yes` trusts without a terminal.")
    return 0 if trusted else 2


def _agreed() -> bool:
    progress("Trust these files? [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
