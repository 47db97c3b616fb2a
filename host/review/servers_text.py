"""Changes of `mcp_servers.toml` as text: a server appended, a server taken out; every other byte stays.

Decides: the text of a new entry and which lines belong to an old one. Does not decide what is in an entry, nor
whether it may be written. A file that changed meanwhile is not written.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue
from host.config.small_files import alone_in, read_small, replace_small, shown
from host.config.toml_files import FILE_BYTES
from host.review.proposal import Proposal
from host.review.toml_text import key_text, value_text
from tool_gateway.rules import ArgumentRule

NEW_FILE = "version = 1\n"

_ONE_OR_MORE = frozenset({"path_within", "not_within", "url_hosts"})
_HEADER = re.compile(r"[ \t]*\[(\[)?[^\n]*?\]\1?[ \t]*(?:#[^\n]*)?\r?")


def read_text(path: Path) -> str | None:
    """The file's text, or None where there is none.

    Raises:
        ConfigError: it cannot be read, or is no UTF-8.
    """
    try:
        return read_small(path, limit=FILE_BYTES).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(
            "it is not UTF-8 text", where=shown(path), next_step="Save it with the encoding UTF-8"
        ) from error


def write_text(path: Path, text: str, *, before: str | None) -> None:
    """Put `text` in place of `before`.

    Raises:
        ConfigError: the file is not what it was when it was read, or cannot be written.
    """
    place = path.resolve()  # A link to the file stays one.
    with alone_in(place.parent):
        if read_text(place) != before:
            raise ConfigError(
                "the file changed meanwhile, so nothing was written", where=shown(path), next_step="Run it again"
            )
        replace_small(place, text.encode("utf-8"), mode=0o644)


def server_block(name: str, walls: JsonObject, tools: Mapping[str, Proposal]) -> str:
    """The entry of one server, as it is appended.

    Raises:
        ConfigError: a value that TOML cannot say.
    """
    lines = [f"[{key_text('servers', name)}]", *(f"{key} = {value_text(value)}" for key, value in walls.items())]
    for tool, proposal in tools.items():
        rule = proposal.rule
        lines += ["", *(f"# {note}" for note in proposal.notes)]
        lines += [f"[{key_text('servers', name, 'tools', tool)}]", f'effect = "{rule.effect}"']
        if rule.approve != "policy":
            lines.append(f'approve = "{rule.approve}"')
        if rule.sinks:
            lines.append(f"sinks = {value_text(rule.sinks)}")
        if rule.arguments:
            lines.append(f"[{key_text('servers', name, 'tools', tool, 'arguments')}]")
            lines += [f"{key_text(path)} = {_rule_text(limits)}" for path, limits in rule.arguments.items()]
    return "\n".join(lines) + "\n"


def appended(text: str | None, block: str) -> str:
    """`text` with `block` behind it, an empty line between."""
    if text is None:
        return f"{NEW_FILE}\n{block}"
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}\n{block}"


def without_server(text: str, name: str, *, where: str) -> str:
    """`text` without the tables of server `name`.

    Comments between them go too. Those behind the last of them stay where they stand directly above another
    server's table, or apart from both.

    Raises:
        ConfigError: the entry is not written as tables of its own.
    """
    lines = text.split("\n")
    headers = [index for index, line in enumerate(lines) if _HEADER.fullmatch(line) and _table_of(line)]
    owned = [_table_of(lines[start])[:2] == ("servers", name) for start in headers]
    kept = lines[: headers[0]] if headers else lines
    for place, start in enumerate(headers):
        last = place + 1 == len(headers)
        section = lines[start:] if last else lines[start : headers[place + 1]]
        if not owned[place]:
            kept += section
        elif last or not owned[place + 1]:
            kept += _after(section, gap=bool(kept) and not kept[-1].strip())
    left = _tidy("\n".join(kept))
    if _parsed(left) != _without(_parsed(text), name):
        raise ConfigError(
            f"the entry of server {name} is not written as [servers.{name}] tables of its own, so it cannot be taken "
            "out safely",
            where=where,
            next_step="Remove it by hand, then run this again to remove it from the lock",
        )
    return left


def _rule_text(rule: ArgumentRule) -> str:
    said = cast("JsonObject", rule.model_dump(mode="json", exclude_defaults=True))
    return value_text({key: _alone(value) if key in _ONE_OR_MORE else value for key, value in said.items()})


def _alone(value: JsonValue) -> JsonValue:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _table_of(header: str) -> tuple[str, ...]:
    """The path of a table's header; empty where the line is none after all."""
    place: JsonValue = _parsed(header.strip() + "\n")
    path: list[str] = []
    while isinstance(place, dict | list) and place:
        if isinstance(place, dict):
            path += place
            place = next(iter(place.values()))
        else:
            place = place[0]
    return tuple(path)


def _after(section: Sequence[str], *, gap: bool) -> list[str]:
    """Of a removed table's lines those that are not its own.

    Args:
        gap: An empty line stands before them already.
    """
    last = max((index for index, line in enumerate(section) if _says(line)), default=0)
    behind = list(section[last + 1 :])
    apart = next((index for index, line in enumerate(behind) if not line.strip()), 0)
    left = behind[apart:]
    while gap and left and not left[0].strip():
        left.pop(0)
    return left


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _tidy(text: str) -> str:
    """With one line end at its end, of the kind that its last line had."""
    left = text.rstrip("\r\n")
    end = "\r\n" if text[len(left) :].startswith("\r\n") else "\n"
    return left + end if left else ""


def _parsed(text: str) -> JsonObject | None:
    try:
        return cast("JsonObject", tomllib.loads(text.replace("\r\n", "\n")))
    except (ValueError, RecursionError):
        return None


def _without(document: JsonObject | None, name: str) -> JsonObject | None:
    servers = document.get("servers") if document is not None else None
    if document is None or not isinstance(servers, dict):
        return None
    left = {key: value for key, value in servers.items() if key != name}
    rest = {key: value for key, value in document.items() if key != "servers"}
    return {**rest, "servers": left} if left else rest
