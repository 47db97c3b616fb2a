"""A least-privilege start for a new server's tools: an effect and limits for each, for a person to correct.

Decides: what is proposed. Does not decide what is written, nor an effect (`effects` guesses it).

Every proposed rule was tried against the tool's schema, so that what is written can be loaded.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from context.calls import Effect, ToolDefinition
from context.visible_text import escape_line
from host.review.arguments import Argument, arguments_of
from host.review.effects import guess_effect, habit, reaches_outside, words_of
from sandboxes.interface import Mount
from tool_gateway.arguments.constraints import check_reachable
from tool_gateway.provenance.sinks import inferred_sinks
from tool_gateway.rules import ArgumentRule, ToolRule
from tool_gateway.schemas.forms import UnusableSchema, vet

RISKY_PLACES = (".git", ".github", ".vscode", ".idea", ".husky", ".envrc")
"""What other programs run or obey: a writer and a runner that share a folder add up (docs/threat-model.md)."""

_PATHS = frozenset(
    {"path", "paths", "file", "files", "filename", "filenames", "filepath", "dir", "directory", "folder", "cwd"}
)
_MOVES = frozenset({"source", "src", "destination", "dest", "dst", "from", "to"})
_FLAGGED = frozenset(
    {
        *(
            "target",
            "targets",
            "revision",
            "revisions",
            "rev",
            "ref",
            "refs",
            "branch",
            "commit",
            "tag",
            "base",
            "head",
        ),
        *("sha", "hash", "remote", "range", "start", "end", "point", "arg", "args", "pattern", "glob", "package"),
        *("timestamp", "since", "until", "name", "contains", "type"),
    }
)
_COUNTS = frozenset(
    {
        *("count", "limit", "n", "num", "number", "max", "size", "depth", "lines", "results", "head", "tail", "top"),
        *("pages", "items", "rows", "k", "length", "context"),
    }
)
_LONG = frozenset({"content", "contents", "body", "text", "data", "code", "patch", "diff"})
_NAME = re.compile(r"[^\x00-\x1f]{1,200}")
_MOST_RULES = 40
_COUNT = 200
_SHORT_BYTES, _TEXT_BYTES, _LONG_BYTES = 200, 2_000, 100_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one tool.

    Attributes:
        notes: What a reader must know of it, one sentence each, escaped.
    """

    rule: ToolRule
    notes: tuple[str, ...] = ()


def propose(
    server: str, tools: Mapping[str, ToolDefinition], mounts: Sequence[Mount], *, package: str = ""
) -> dict[str, Proposal]:
    """A proposal for each tool.

    Args:
        server: Its configured name.
        mounts: The declared ones; path arguments are kept inside them.
        package: The package's name.
    """
    first = habit(tools, server={*words_of(server), *words_of(package)})
    return {name: _propose(tool, mounts, first) for name, tool in tools.items()}


def _propose(tool: ToolDefinition, mounts: Sequence[Mount], first: str) -> Proposal:
    try:
        vet(tool.input_schema)
    except UnusableSchema as error:
        note = f"every call is refused: {escape_line(str(error), 200)}"
        return Proposal(ToolRule(effect=guess_effect(tool, (), habit=first)), (note,))
    arguments = arguments_of(tool.input_schema)
    effect = guess_effect(tool, arguments, habit=first)
    rules: dict[str, ArgumentRule] = {}
    sinks = tuple(path for path in inferred_sinks(tool, effect) if _fits(tool, effect, sinks=(path,)))
    notes: list[str] = []
    for argument in arguments:
        if not argument.leaf or not _NAME.fullmatch(argument.path) or argument.path in rules:
            continue
        if reaches_outside(argument) and {"url", "uri"} & set(words_of(argument.name)):
            notes.append(f"{escape_line(argument.path, 80)}: `url_hosts` could name the hosts that it may reach")
        rule = _rule_for(argument, effect, mounts, moves=_handles_files(tool.name))
        if rule is not None and len(rules) < _MOST_RULES and _fits(tool, effect, arguments={argument.path: rule}):
            rules[argument.path] = rule
    names_files = any(rule.path_within or rule.not_within for rule in rules.values())
    if effect != "read" and mounts and names_files and not any(mount.mode == "rw" for mount in mounts):
        notes.append("it changes files, and no mount is writable: add `:rw` to the mount it should write to")
    if effect == "read" and not (tool.annotations or {}).get("readOnlyHint"):
        notes.append("read by its name only: the server does not say so itself")
    return Proposal(ToolRule(effect=effect, sinks=sinks, arguments=rules), tuple(notes))


def _rule_for(argument: Argument, effect: Effect, mounts: Sequence[Mount], *, moves: bool) -> ArgumentRule | None:
    if {"enum", "const"} & argument.told.keys():
        return None
    kinds, words = set(argument.types), set(words_of(argument.name))
    last = set(words_of(argument.name)[-1:])
    if kinds & {"integer", "number"} and not kinds & {"string", "object"}:
        unbounded = not {"maximum", "exclusiveMaximum"} & argument.told.keys()
        return ArgumentRule(maximum=_most(argument)) if unbounded and words & _COUNTS else None
    if kinds and "string" not in kinds:
        return None
    if last & _PATHS or (moves and last & _MOVES):
        return _path_rule(argument, effect, mounts)
    if reaches_outside(argument):
        return ArgumentRule(max_bytes=_TEXT_BYTES, no_option=not words & {"to", "cc", "bcc"})
    if last & _FLAGGED:
        return ArgumentRule(no_option=True, max_bytes=_SHORT_BYTES)
    long = last & _LONG or "Text" in argument.name
    return None if "maxLength" in argument.told else ArgumentRule(max_bytes=_LONG_BYTES if long else _TEXT_BYTES)


def _path_rule(argument: Argument, effect: Effect, mounts: Sequence[Mount]) -> ArgumentRule | None:
    writes = effect != "read"
    writable = [mount.at for mount in mounts if mount.mode == "rw"]
    within = (writable if writes else []) or [mount.at for mount in mounts]
    whole = "repo" in words_of(argument.name) or "root" in words_of(argument.name)
    # A list of files is mostly relative to another argument, so that its place cannot be judged from outside.
    relative = argument.path.endswith("[]") and "files" in words_of(argument.name)
    forbidden = RISKY_PLACES if writes and not whole else None
    if relative or not within:
        return ArgumentRule(no_option=True, not_within=forbidden)
    return ArgumentRule(path_within=tuple(within), not_within=forbidden)


def _most(argument: Argument) -> float:
    usual = argument.told.get("default")
    if isinstance(usual, int | float) and not isinstance(usual, bool) and _COUNT < usual < 1e9:
        return usual
    return _COUNT


def _handles_files(tool: str) -> bool:
    return bool({"file", "files", "directory", "folder", "path", "move", "copy", "rename"} & set(words_of(tool)))


def _fits(
    tool: ToolDefinition,
    effect: Effect,
    *,
    arguments: Mapping[str, ArgumentRule] | None = None,
    sinks: Iterable[str] = (),
) -> bool:
    return not check_reachable(ToolRule(effect=effect, arguments=arguments or {}, sinks=tuple(sinks)), tool)
