"""Finds the model adapters: every module of this folder that defines `KIND`, under its own file's name.

Decides: which adapters exist. Does not decide which model a run uses, nor any adapter's settings.

A kind is imported when it is asked for. Only names that stand as files in this folder are ever imported,
so a name out of a configuration file can load nothing else.
"""

import difflib
import importlib
import pkgutil
from functools import lru_cache
from pathlib import Path

from adapters.interface import AdapterKind
from context.errors import ConfigError
from context.visible_text import escape_line


def kinds() -> dict[str, AdapterKind]:
    """Every kind by name, sorted."""
    found = (_load(module) for module in _modules())
    return {kind.name: kind for kind in found if kind is not None}


def get(name: str, *, where: str | None = None) -> AdapterKind:
    """The kind called `name`; imports no other.

    Args:
        where: The file and key that name it, for the error.

    Raises:
        ConfigError: there is none; says the nearest one and all there are.
    """
    kind = _load(name) if name in _modules() else None
    if kind is not None:
        return kind
    names = list(kinds())
    near = difflib.get_close_matches(name, names, n=1)
    raise ConfigError(
        f"the model adapter {escape_line(name, 60)!r} is not available in this version",
        where=where,
        next_step=(f"Did you mean {near[0]!r}? " if near else "") + f"There are: {', '.join(names)}",
    )


@lru_cache(maxsize=1)
def _modules() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])))


def _load(module: str) -> AdapterKind | None:
    kind = getattr(importlib.import_module(f"adapters.{module}"), "KIND", None)
    if not isinstance(kind, AdapterKind):
        return None
    if kind.name != module:
        raise RuntimeError(f"adapters/{module}.py defines the kind {kind.name!r}; its name must be the file's")
    return kind
