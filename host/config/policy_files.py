"""The folder of policies that `[policy]` names, read whole, and the engine made from it.

Decides: which files of the folder count, and that nothing in it is passed over in silence: a rule that is not read
forbids nothing. Does not decide what a policy must be (`tool_gateway/policy`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.lock_file import Lock
from host.config.servers_file import ServersFile
from host.config.settings_file import Settings
from host.config.small_files import read_small, shown
from host.config.toml_files import FILE_BYTES
from tool_gateway.policy.faults import SCHEMA_NAME

if TYPE_CHECKING:  # the engine is a compiled library, which a command without rules need not load
    from tool_gateway.policy.catalogue import ToolShape
    from tool_gateway.policy.cedar import CedarEngine

_MOST_FILES = 1000
_MOST_BYTES = 8 * 1024 * 1024
_POLICY, _SCHEMA = ".cedar", ".cedarschema"


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What the folder holds.

    Attributes:
        folder: None where `[policy]` names none, so that the shipped rules apply alone.
        policies: Name → text. A name begins with the folder's own, without what lies above it: reasons repeat it.
        schema: None where the folder has none; the shipped one counts.
    """

    folder: Path | None = None
    policies: Mapping[str, str] = field(default_factory=dict[str, str])
    schema: str | None = None
    schema_name: str = SCHEMA_NAME


def policy_folder(settings: Settings) -> Path | None:
    """The folder that `[policy]` names, absolute; None where there is no such table."""
    if settings.policy is None:
        return None
    base = settings.path.parent if settings.path is not None else Path.cwd()
    return (base / settings.policy.folder).absolute()


def read_policies(settings: Settings) -> PolicyFiles:
    """Read the folder.

    Raises:
        ConfigError: it is missing, empty, unreadable or too large, or holds what looks like a policy but is no file
            that counts as one.
    """
    folder = policy_folder(settings)
    if folder is None:
        return PolicyFiles()
    where = settings.where("policy", "folder")
    found = sorted(_entries(folder, where), key=lambda path: path.name)
    texts = _texts(folder, found, where)
    policies = {name: text for name, text in texts.items() if name.endswith(_POLICY)}
    if not any(_says_something(text) for text in policies.values()):
        raise ConfigError(
            f"the policy folder {shown(folder)} holds no policy",
            where=where,
            next_step="Put a *.cedar file into it, or remove the [policy] table: the shipped rules then apply alone",
        )
    schema_name = f"{_name(folder)}/{SCHEMA_NAME}"
    return PolicyFiles(folder, policies, texts.get(schema_name), schema_name)


def load_engine(settings: Settings, *, tools: "Iterable[ToolShape]" = ()) -> "CedarEngine":
    """The shipped rules and those of the folder, checked against the tools in use.

    Raises:
        ConfigError: see `read_policies`; or a policy is wrong: names file, line and the nearest name.
    """
    from tool_gateway.policy.shipped_set import load_with_shipped

    files = read_policies(settings)
    return load_with_shipped(files.policies, files.schema, tools=tools, schema_name=files.schema_name)


def declared_shapes(servers: ServersFile | None, lock: Lock) -> "tuple[ToolShape, ...]":
    """Every listed tool of a project, from the files alone."""
    from context.calls import ToolRef
    from tool_gateway.policy.catalogue import ToolShape
    from tool_gateway.policy.question import ToolResource

    shapes: list[ToolShape] = []
    for name, settings in servers.servers.items() if servers is not None else ():
        locked = lock.servers.get(name)
        for tool, rule in settings.tools.items():
            pinned = locked.tools.get(tool) if locked is not None else None
            resource = ToolResource(ToolRef(name, tool), rule.effect, settings.owner, frozenset(rule.groups))
            shapes.append(ToolShape(resource, pinned.definition.input_schema if pinned is not None else None))
    return tuple(shapes)


def _entries(folder: Path, where: str) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= _MOST_FILES:
                    raise ConfigError(
                        f"the policy folder holds more than {_MOST_FILES} entries",
                        where=where,
                        next_step="Name a folder that holds policies only",
                    )
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    _check_no_policies_below(path, where)
                elif _counts(path):
                    if entry.is_symlink():
                        raise _odd(path, "is a symbolic link", "Put the file itself there")
                    yield path
    except OSError as error:
        raise ConfigError(
            f"the policy folder {shown(folder)} cannot be read: {error.strerror or error}",
            where=where,
            next_step="Correct the path or its permissions; nothing runs without the rules that it names",
        ) from error


def _counts(path: Path) -> bool:
    """Whether a file is one of policies or the schema. What only resembles one is refused, not left out."""
    suffix = path.suffix
    if suffix.lower() not in (_POLICY, _SCHEMA):
        return False
    if suffix != suffix.lower() or path.name.startswith("."):
        raise _odd(path, "is not read under this name", f"Name it like pay{suffix.lower()}, or move it elsewhere")
    if suffix == _SCHEMA and path.name != SCHEMA_NAME:
        raise _odd(path, f"is no schema that is read; that one is called {SCHEMA_NAME}", "Rename or remove it")
    return True


def _check_no_policies_below(folder: Path, where: str) -> None:
    try:
        with os.scandir(folder) as entries:
            below = [Path(entry.path) for entry in entries if entry.name.lower().endswith((_POLICY, _SCHEMA))]
    except OSError as error:
        raise ConfigError(
            f"{shown(folder)} cannot be read: {error.strerror or error}",
            where=where,
            next_step="Correct its permissions",
        ) from error
    if below:
        raise _odd(min(below), "lies in a folder below, which is not read", "Move it up into the policy folder")


def _texts(folder: Path, paths: Iterable[Path], where: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    left = _MOST_BYTES
    for path in paths:
        try:
            data = read_small(path, limit=FILE_BYTES)
        except FileNotFoundError as error:
            raise _odd(path, "went away while it was read", "Try again") from error
        left -= len(data)
        if left < 0:
            raise ConfigError(
                f"the policies have more than {_MOST_BYTES:,} bytes together",
                where=where,
                next_step="Check that it is the folder you mean",
            )
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(
                "it is not UTF-8 text", where=f"{shown(path)}:{line}", next_step="Save it with the encoding UTF-8"
            ) from error
        if "\0" in text:
            raise _odd(path, "holds a NUL character", "Remove it")
        texts[f"{_name(folder)}/{path.name}"] = text.removeprefix("\ufeff")
    return texts


def _says_something(text: str) -> bool:
    return any(line.partition("//")[0].strip() for line in text.splitlines())


def _name(folder: Path) -> str:
    return escape_line(folder.name or "policies", 60)


def _odd(path: Path, what: str, next_step: str) -> ConfigError:
    return ConfigError(f"it {what}", where=shown(path), next_step=next_step)
