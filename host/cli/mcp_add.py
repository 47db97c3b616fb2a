"""`gatehost mcp add`: a new server, from its source to its entry in the servers file and the lock.

Decides: the order (look first, ask, then write) and the options. Does not decide what is proposed
(`host.review.proposal`), nor what an entry may say (`host.config.servers_file`).
"""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from context.errors import ConfigError, UsageError
from context.visible_text import escape, escape_line
from host.cli.common import add_file_options
from host.cli.consent import agreed
from host.cli.mcp_files import say_failure
from host.cli.screen import progress, say
from host.config.lock_file import Lock, load_lock
from host.config.project_files import SERVERS_NAME, Project, find_project, lock_beside
from host.config.servers_file import SERVER_NAME, ServersFile, load_servers
from host.config.small_files import shown
from host.config.toml_files import FILE_BYTES
from host.home import Home, find_home

if TYPE_CHECKING:
    from context.calls import ToolDefinition
    from host.review.inspection import Inspection
    from host.review.proposal import Proposal


def add_add(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "add",
        help="look at a new server, propose what it may do, and write it down once you agreed",
        usage="gatehost mcp add NAME [options] SOURCE | -- COMMAND [ARGUMENT…]",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="what the server is called here: a-z, 0-9, _ and -")
    parser.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="pypi:NAME==VERSION, npm:NAME==VERSION, oci:IMAGE@sha256:…, or -- and a command of the sandbox",
    )
    parser.add_argument("--sandbox", metavar="KIND", help="docker, bubblewrap or unconfined (default: what is ready)")
    parser.add_argument("--mount", action="append", default=[], metavar="HOST:AT[:ro|rw]", help="ro when left out")
    parser.add_argument("--arg", action="append", default=[], metavar="ARG", help="e.g. --arg=--repository --arg=/repo")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a plain value, no secret")
    parser.add_argument("--entry", metavar="NAME", help="the package's entry point, when it has several")
    parser.add_argument("--tools", action="append", metavar="GLOB", help="only these of its tools")
    parser.add_argument("--yes", action="store_true", help="write without asking; needs no terminal")
    add_file_options(parser)
    parser.set_defaults(handler=_add)


_OPTIONS = {
    "package": "SOURCE",
    "command": "SOURCE",
    "entry": "--entry",
    "mounts": "--mount",
    "env": "--env",
    "args": "--arg",
    "sandbox": "--sandbox",
}
"""Where each key of a proposed entry stands on the command line."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the entry goes, and what stands there now.

    Attributes:
        before: The file's text, or None where it is to be made.
        protected: Further configuration that no server may write.
    """

    home: Home
    project: Project
    path: Path
    before: str | None
    lock: Lock
    protected: tuple[Path, ...]

    def read(self, text: str) -> ServersFile:
        """The servers file as it would be with this text. Raises: ConfigError."""
        if len(text.encode()) > FILE_BYTES:
            raise ConfigError(
                f"with this server the file would be larger than {FILE_BYTES:,} bytes",
                where=shown(self.path),
                next_step="Take fewer of its tools, with --tools",
            )
        return load_servers(self.path, home=self.home.folder, protected=self.protected, content=text.encode())


def _add(args: argparse.Namespace) -> int:
    if not SERVER_NAME.fullmatch(args.name):
        raise UsageError(
            f"{escape_line(args.name, 80)} is no name of a server",
            where="NAME",
            next_step="Use 1 to 64 of the characters a-z, 0-9, _ and -",
        )
    return anyio.run(_look_and_write, args, _target(args))


def _target(args: argparse.Namespace) -> _Target:
    from host.review.servers_text import read_text

    home = find_home().prepare()
    named = Path(args.servers).absolute() if args.servers else None
    exists = named is not None and named.exists()
    project = find_project(
        Path.cwd(), config=Path(args.config) if args.config else None, servers=named if exists else None
    )
    path = named or project.servers or project.folder / SERVERS_NAME
    target = _Target(
        home=home,
        project=project,
        path=path,
        before=read_text(path),
        lock=load_lock(lock_beside(path)),
        protected=tuple(place for place in (project.settings, project.policies) if place is not None),
    )
    if target.before is not None and args.name in target.read(target.before).servers:
        raise ConfigError(
            f"there is a server {args.name} already",
            where=shown(path),
            next_step=f"Take another name, or remove it first with `gatehost mcp remove {args.name}`",
        )
    return target


async def _look_and_write(args: argparse.Namespace, target: _Target) -> int:
    from host.config.trust import keeping_trust
    from host.review.acceptance import accepted_lock, misfits, write_lock
    from host.review.draft import Draft, check_source
    from host.review.inspection import inspect_servers
    from host.review.proposal import propose
    from host.review.servers_text import appended, server_block, write_text
    from sandboxes.runtime.image import default_sandbox

    home, name = target.home.sandbox_home(), str(args.name)
    draft = Draft(
        name=name,
        source=args.source,
        sandbox=args.sandbox or await default_sandbox(home),
        folder=target.project.folder,
        args=args.arg,
        mounts=args.mount,
        env=args.env,
        entry=args.entry,
    )
    await check_source(draft, home=home)
    walls = draft.walls(target.path)
    try:
        servers = target.read(appended(target.before, server_block(name, walls, {})))
    except ConfigError as error:
        raise _as_typed(error, args) from error
    # Nothing of an older entry counts: the package is resolved anew.
    inspection = (await inspect_servers(servers, target.lock.without(name), home, [name]))[name]
    listing = inspection.listing
    if listing is None:
        progress("gatehost: nothing was written")
        return say_failure(inspection)
    tools = _wanted(listing.tools, args.tools)
    proposals = propose(name, tools, servers.mounts[name], package=draft.package)
    _show(inspection, servers, tools, proposals)
    block = server_block(name, walls, proposals)
    text = appended(target.before, block)
    written = target.read(text)
    if faults := misfits(written, name, listing):
        raise faults[0]
    say(f"\nwould be appended to {shown(target.path)}:\n")
    say(escape(block))
    for warning in written.warnings:
        progress(f"gatehost: {warning}")
    if not agreed(f"Add server {name} as proposed?", yes=args.yes):
        progress("gatehost: nothing was written")
        return 2
    accepted = accepted_lock(target.lock.without(name), replace(inspection, settings=written.servers[name]), listing)
    with keeping_trust(target.project, target.home):
        _ensure_lock_unchanged(target)
        write_text(target.path, text, before=target.before)
        write_lock(target.path, before=target.lock, after=accepted)
    say(f"{name}: added and accepted with {len(tools)} tool(s)")
    trust = "" if target.project.explicit_servers or args.servers else "`gatehost trust`, then "
    say(f"Correct the entry as you like; after that: {trust}`gatehost mcp check {name}`")
    return 0


def _as_typed(error: ConfigError, args: argparse.Namespace) -> ConfigError:
    """A fault of the proposed entry, told of the option that it came from: the entry's lines stand nowhere yet."""
    found = re.search(rf": servers\.{re.escape(args.name)}\.([a-z]+)(?:\[(\d+)\])?", error.where or "")
    option = _OPTIONS.get(found[1]) if found else None
    if found is None or option is None:
        return error
    if option == "--mount" and found[2] is not None:
        option = f"{option} {escape_line(args.mount[int(found[2])], 200)}"
    return ConfigError(error.what, where=option, next_step=error.next_step)


def _ensure_lock_unchanged(target: _Target) -> None:
    """Before the servers file is written, so that a server cannot leave half of an `add` behind."""
    if load_lock(lock_beside(target.path)) != target.lock:
        raise ConfigError(
            "the lock changed meanwhile, so nothing was written",
            where=shown(lock_beside(target.path)),
            next_step="Look at it, then run this again",
        )


def _wanted(tools: "Mapping[str, ToolDefinition]", globs: list[str] | None) -> "dict[str, ToolDefinition]":
    if globs is None:
        return dict(tools)
    wanted = {name: tool for name, tool in tools.items() if any(fnmatchcase(name, glob) for glob in globs)}
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in tools):
            names = ", ".join(escape_line(name, 128) for name in list(tools)[:50])
            raise UsageError(f"{escape_line(glob, 80)} matches no tool", where="--tools", next_step=f"It has: {names}")
    return wanted


def _show(
    inspection: "Inspection",
    servers: ServersFile,
    tools: "Mapping[str, ToolDefinition]",
    proposals: "Mapping[str, Proposal]",
) -> None:
    from host.review.told import told_listing, told_server, told_tool

    assert inspection.listing is not None
    lines = [*told_server(inspection, inspection.listing, servers.mounts[inspection.name])]
    for name, tool in tools.items():
        lines += told_tool(tool, proposals[name].rule)
    lines += told_listing(inspection.listing, list(tools))
    for line in lines:
        say(line)
