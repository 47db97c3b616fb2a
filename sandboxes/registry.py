"""The kinds of sandbox that exist: every module of this folder that defines `KIND`.

Decides: how they are found and called by name. Does not decide which one a server gets; the operator's
configuration names it.
"""

import ast
import difflib
import importlib
from functools import lru_cache
from pathlib import Path

from context.errors import ConfigError
from context.visible_text import escape_line
from sandboxes.interface import SandboxKind


@lru_cache(maxsize=1)
def kinds() -> dict[str, SandboxKind]:
    """Every kind by name. A module is imported only when its text assigns `KIND` at the top."""
    found: dict[str, SandboxKind] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if _defines_kind(path):
            kind = importlib.import_module(f"sandboxes.{path.stem}").KIND
            if not isinstance(kind, SandboxKind) or kind.name in found:
                raise ConfigError(f"{path.name} defines no kind of its own", where="sandboxes")
            found[kind.name] = kind
    return found


def get(name: str) -> SandboxKind:
    """The kind called `name`.

    Raises:
        ConfigError: there is none; names the nearest one.
    """
    known = kinds()
    if (kind := known.get(name)) is not None:
        return kind
    near = difflib.get_close_matches(name, known, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(known)}"
    raise ConfigError(f'there is no sandbox "{escape_line(name, 60)}"', where="sandbox", next_step=hint)


def _defines_kind(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    if "KIND" not in text:
        return False
    return any(
        isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "KIND" for to in node.targets)
        for node in ast.parse(text).body
    )
