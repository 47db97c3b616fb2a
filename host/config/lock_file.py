"""`mcp_servers.lock`: what was reviewed and accepted of each server, in full.

Decides: the file's form, that it agrees with itself, and that it names no host. Does not decide what is
accepted (`gatehost mcp accept`), what a pin covers (`tool_gateway.pins`), or how a package is locked
(`sandboxes.packages`); the package part is opaque here.

Whole definitions are kept, not only digests: models are shown the accepted text while a server is still
starting, constraints are checked before it starts, and a difference can be read. A definition that was
edited by hand no longer fits its digest and is refused by name; whoever edits both is caught when the
server lists its tools.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from context.calls import TOOL_NAME, ToolDefinition
from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue, digest_bytes
from context.visible_text import escape_line
from host.config.servers_file import SERVER_NAME
from host.config.small_files import alone_in, read_small, replace_small, shown
from host.config.toml_files import key_text
from tool_gateway.pins import tool_digest

VERSION = 1
FILE_BYTES = 64 * 1024 * 1024
"""Largest lock."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AGAIN = "Restore the lock from version control, or review the server anew with `gatehost mcp accept`"
_SERVER_KEYS = frozenset({"server_digest", "package", "protocol", "tools", "instructions", "instructions_digest"})
_TOOL_KEYS = frozenset({"digest", "description", "title", "input_schema", "output_schema", "annotations"})


@dataclass(frozen=True, slots=True)
class LockedTool:
    """One accepted tool and its pin."""

    definition: ToolDefinition
    digest: str


@dataclass(frozen=True, slots=True)
class LockedServer:
    """What was accepted of one server.

    Attributes:
        server_digest: Of its configuration (`servers_file.server_digest`).
        package: JSON form of `sandboxes.packages.Locked`, or None for a `command`.
        protocol: The protocol era that it spoke.
        instructions: What it tells models to do, as reviewed.
    """

    server_digest: str
    tools: Mapping[str, LockedTool] = field(default_factory=dict[str, LockedTool])
    package: JsonObject | None = None
    protocol: str | None = None
    instructions: str | None = None

    @property
    def definitions(self) -> dict[str, ToolDefinition]:
        """The accepted tools by name."""
        return {name: tool.definition for name, tool in self.tools.items()}


@dataclass(frozen=True, slots=True)
class Lock:
    """All accepted servers by name."""

    servers: Mapping[str, LockedServer] = field(default_factory=dict[str, LockedServer])

    def with_server(
        self,
        name: str,
        *,
        server_digest: str,
        tools: Iterable[ToolDefinition],
        package: JsonObject | None = None,
        protocol: str | None = None,
        instructions: str | None = None,
    ) -> "Lock":
        """This lock with `name` accepted as given, in place of what was accepted of it before."""
        locked = LockedServer(
            server_digest=server_digest,
            tools={tool.name: LockedTool(tool, tool_digest(tool)) for tool in tools},
            package=package,
            protocol=protocol,
            instructions=instructions or None,
        )
        return Lock({**self.servers, name: locked})

    def without(self, name: str) -> "Lock":
        """This lock without `name`, which may be missing already."""
        return Lock({other: locked for other, locked in self.servers.items() if other != name})

    def text(self) -> str:
        """The file's content: the same lock always gives the same text, on every machine."""
        # ASCII, so that invisible characters in a description are visible where a change is reviewed.
        servers = {name: _server_json(locked) for name, locked in self.servers.items()}
        document = {"version": VERSION, "servers": servers}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"

    def save(self, path: Path) -> None:
        """Replace the file at once. Where others may write it too, use `update_lock`.

        Raises:
            ConfigError: it cannot be written, or would say what no lock may say.
        """
        for name, locked in self.servers.items():
            _check_package(locked.package, f"{shown(path)}: servers.{key_text((name,))}")
        try:
            data = self.text().encode("ascii")
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"a tool's definition cannot be written down: {escape_line(str(error), 200)}",
                where=shown(path),
                next_step="Remove the server, and report it to its authors",
            ) from error
        if len(data) > FILE_BYTES:
            raise ConfigError(
                f"the lock would be larger than {FILE_BYTES:,} bytes",
                where=shown(path),
                next_step="Remove the server whose tools are that long",
            )
        # Whatever is written must be readable: this runs the same checks as the next start.
        read_lock(data, where=shown(path))
        replace_small(path, data, mode=0o644)


def load_lock(path: Path | None) -> Lock:
    """The lock at `path`; empty when there is none.

    Raises:
        ConfigError: it is malformed, or does not agree with itself; names server and tool.
    """
    if path is None:
        return Lock()
    try:
        data = read_small(path, limit=FILE_BYTES)
    except FileNotFoundError:
        return Lock()
    return read_lock(data, where=shown(path))


def update_lock(path: Path, change: Callable[[Lock], Lock]) -> Lock:
    """Load, change and replace the lock while no other process does.

    Raises:
        ConfigError: see `load_lock` and `Lock.save`; or another process holds the folder.
    """
    with alone_in(path.parent):
        lock = change(load_lock(path))
        lock.save(path)
    return lock


def read_lock(data: bytes, *, where: str) -> Lock:
    """A lock from the bytes of its file.

    Raises:
        ConfigError: see `load_lock`.
    """
    document = _object(_parse(data, where), where)
    _check_keys(document, frozenset({"version", "servers"}), where)
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ConfigError(f"`version` must be {VERSION}", where=where, next_step="Use the gatehost that wrote it")
    servers = _object(document.get("servers"), f"{where}: servers")
    return Lock({name: _read_server(name, value, f"{where}: servers") for name, value in servers.items()})


def _server_json(locked: LockedServer) -> JsonObject:
    found: JsonObject = {
        "server_digest": locked.server_digest,
        "package": locked.package,
        "protocol": locked.protocol,
        "tools": {name: _tool_json(tool) for name, tool in locked.tools.items()},
    }
    if locked.instructions is not None:
        found["instructions"] = locked.instructions
        found["instructions_digest"] = _text_digest(locked.instructions)
    return found


def _tool_json(tool: LockedTool) -> JsonObject:
    definition = tool.definition
    found: JsonObject = {
        "digest": tool.digest,
        "description": definition.description,
        "input_schema": definition.input_schema,
    }
    if definition.title is not None:
        found["title"] = definition.title
    if definition.output_schema is not None:
        found["output_schema"] = definition.output_schema
    if definition.annotations is not None:
        found["annotations"] = definition.annotations
    return found


def _read_server(name: str, value: JsonValue, where: str) -> LockedServer:
    where = f"{where}.{key_text((name,))}"
    if not SERVER_NAME.fullmatch(name):
        raise ConfigError("this is no name of a server", where=where, next_step=_AGAIN)
    table = _object(value, where)
    _check_keys(table, _SERVER_KEYS, where)
    digest = table.get("server_digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ConfigError("`server_digest` is no digest", where=where, next_step=_AGAIN)
    package = table.get("package")
    locked_package = None if package is None else _object(package, f"{where}.package")
    _check_package(locked_package, where)
    instructions = _optional_text(table, "instructions", where)
    if table.get("instructions_digest") != (None if instructions is None else _text_digest(instructions)):
        raise ConfigError("`instructions` were edited: they do not fit their digest", where=where, next_step=_AGAIN)
    tools = _object(table.get("tools"), f"{where}.tools")
    return LockedServer(
        server_digest=digest,
        tools={tool: _read_tool(tool, item, f"{where}.tools") for tool, item in tools.items()},
        package=locked_package,
        protocol=_optional_text(table, "protocol", where),
        instructions=instructions,
    )


def _read_tool(name: str, value: JsonValue, where: str) -> LockedTool:
    where = f"{where}.{key_text((name,))}"
    if not TOOL_NAME.fullmatch(name):
        raise ConfigError("this is no name of a tool", where=where, next_step=_AGAIN)
    table = _object(value, where)
    _check_keys(table, _TOOL_KEYS, where)
    definition = ToolDefinition(
        name=name,
        description=_optional_text(table, "description", where) or "",
        input_schema=_object(table.get("input_schema"), f"{where}.input_schema"),
        output_schema=_optional_object(table, "output_schema", where),
        annotations=_optional_object(table, "annotations", where),
        title=_optional_text(table, "title", where),
    )
    try:
        digest = tool_digest(definition)
    except (ValueError, RecursionError) as error:
        raise ConfigError("the definition has no digest", where=where, next_step=_AGAIN) from error
    if table.get("digest") != digest:
        raise ConfigError("the tool was edited: its definition does not fit its digest", where=where, next_step=_AGAIN)
    return LockedTool(definition, digest)


def _parse(data: bytes, where: str) -> JsonValue:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice in one object")
        return found

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON number")

    try:
        text = data.decode("utf-8")
        return cast("JsonValue", json.loads(text, object_pairs_hook=unique, parse_constant=refuse))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"it is not JSON: {escape_line(error.msg, 200)}", where=f"{where}:{error.lineno}", next_step=_AGAIN
        ) from error
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise ConfigError(f"it is not JSON: {escape_line(reason, 200)}", where=where, next_step=_AGAIN) from error


def _check_package(package: JsonObject | None, where: str) -> None:
    """A lock that names a host would send its readers there, past the mirror that they use."""
    pending: list[JsonValue] = [package]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str) and "://" in value:
            raise ConfigError(
                "the locked package names an address; a lock holds names, versions and digests only",
                where=f"{where}.package",
                next_step=_AGAIN,
            )


def _check_keys(table: JsonObject, known: frozenset[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key `{key_text((key,))}`", where=where, next_step=_AGAIN)


def _object(value: JsonValue, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ConfigError("an object is missing", where=where, next_step=_AGAIN)
    return value


def _optional_object(table: JsonObject, key: str, where: str) -> JsonObject | None:
    return None if table.get(key) is None else _object(table[key], f"{where}.{key}")


def _optional_text(table: JsonObject, key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"`{key}` is no text", where=where, next_step=_AGAIN)
    return value


def _text_digest(text: str) -> str:
    return digest_bytes(text.encode("utf-8", "surrogatepass"))
