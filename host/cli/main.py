"""The command line's front door: finds the verb, imports only that, and turns errors into exit codes.

Decides: which verbs exist, and how an error is told. Does not decide what any verb does: each is one
file of this folder with `configure(parser)` and `run(args) -> int`.

Imports stay lazy: `gatehost --version` must not pay for `mcp` (0.7 s of CPU) or pydantic.
"""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from context.errors import GatehostError
from host.cli.screen import finish, progress, say
from host.version import VERSION

VERBS: dict[str, str] = {
    "run": "carry out one task with an agent, headless",
    "demo": "watch the whole path on real servers with a scripted model: no key, no network",
    "runs": "list, show and resume runs",
    "approvals": "answer what waiting runs ask",
    "mcp": "register, check, call and review MCP servers",
    "sandbox": "build the runtime image, check the walls, prune what is left",
    "serve": "offer the tools in scope to another host, through the same gates",
    "audit": "read and verify the decision record",
    "policy": "check the rules, ask them something, and test them",
    "trust": "trust the project files of this folder",
    "doctor": "check this machine and say what to mend",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code, as the README's table lists them.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _carry_out(arguments)
        finally:
            finish()
    except GatehostError as error:
        # Some errors name the very command as their place.
        text = str(error)
        progress(text if text.startswith("gatehost ") else f"gatehost: {text}")
        return error.exit_code
    except KeyboardInterrupt:
        progress("gatehost: interrupted")
        return 130


def _carry_out(arguments: list[str]) -> int:
    if arguments[:1] == ["--version"]:
        say(f"gatehost {VERSION}")
        return 0
    verb = arguments[0] if arguments else ""
    if verb not in VERBS:
        return _without_verb(arguments)
    # Logs are for who configures them; what users must know is an event, a record entry or an error.
    logging.getLogger().addHandler(logging.NullHandler())
    module = importlib.import_module(f"host.cli.{verb}_verb")
    parser = argparse.ArgumentParser(prog=f"gatehost {verb}", description=VERBS[verb], allow_abbrev=False)
    module.configure(parser)
    args = parser.parse_args(arguments[1:])
    return int(module.run(args))


def _without_verb(arguments: list[str]) -> int:
    if arguments and arguments[0] not in {"-h", "--help", "help"}:
        import difflib

        near = difflib.get_close_matches(arguments[0], VERBS, n=1)
        hint = f" Did you mean `gatehost {near[0]}`?" if near else " `gatehost --help` lists the commands."
        progress(f"gatehost: there is no command {arguments[0]!r}.{hint}")
        return 2
    say(f"gatehost {VERSION}: runs AI agents on MCP tools that you do not have to trust.\n")
    say("usage: gatehost COMMAND …    (gatehost COMMAND --help)\n")
    for name, purpose in VERBS.items():
        say(f"  {name:<10} {purpose}")
    return 0
