"""`gatehost mcp remove`: take a server out of the servers file and the lock.

Decides: the question. Does not decide which lines are the server's (`host.review.servers_text`).
"""

import argparse
from typing import Any

from context.errors import ConfigError
from host.cli.common import add_file_options
from host.cli.consent import agreed
from host.cli.mcp_files import open_bench, unknown_server
from host.cli.screen import progress, say
from host.config.lock_file import Lock, update_lock
from host.config.project_files import lock_beside
from host.config.small_files import shown
from host.config.trust import keeping_trust
from host.review.servers_text import read_text, without_server, write_text


def add_remove(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "remove", help="take a server out of mcp_servers.toml and the lock", allow_abbrev=False
    )
    parser.add_argument("server", metavar="NAME")
    parser.add_argument("--yes", action="store_true", help="remove without asking; needs no terminal")
    add_file_options(parser)
    parser.set_defaults(handler=_remove)


def _remove(args: argparse.Namespace) -> int:
    name: str = args.server
    bench = open_bench(args, trusted=False)
    path, lock = bench.servers.path, bench.workshop.lock
    listed, locked = name in bench.servers.servers, name in lock.servers
    if not listed and not locked:
        raise unknown_server(name, {*bench.servers.servers, *lock.servers})
    before = read_text(path)
    if before is None:
        raise ConfigError("the file is gone", where=shown(path), next_step="Restore it")
    after = without_server(before, name, where=bench.servers.where(name)) if listed else before
    if listed:
        say(f"{shown(path)}: the entry of server {name}, {before.count(chr(10)) - after.count(chr(10))} line(s)")
    if locked:
        say(f"{shown(lock_beside(path))}: what was accepted of it, {len(lock.servers[name].tools)} tool(s)")
    if not agreed(f"Remove server {name}?", yes=args.yes):
        progress(f"gatehost: server {name} was not removed")
        return 2

    def drop(now: Lock) -> Lock:
        return now.without(name)

    with keeping_trust(bench.workshop.project, bench.workshop.home):
        if listed:
            write_text(path, after, before=before)
        if locked:
            update_lock(lock_beside(path), drop)
    say(f"{name}: removed")
    return 0
