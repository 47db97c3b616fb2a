"""References to secrets: `env:NAME` and `file:PATH`. Configuration never holds a secret itself.

Decides: what counts as a reference, and which files are private enough to be read. Does not decide who gets
the secret. No error repeats a value: a text that is no reference is most likely the secret itself.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from context.errors import ConfigError
from host.config.small_files import read_small, shown

_LONGEST = 64 * 1024
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FORMS = "Write `env:NAME` for an environment variable or `file:PATH` for a file that only you can read"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is. `name` is the variable's name or the file's path, as written."""

    kind: Literal["env", "file"]
    name: str


def parse_reference(text: str, *, where: str) -> SecretRef:
    """A reference from its text.

    Args:
        where: File and key, for the error.

    Raises:
        ConfigError: it is no reference, or of a kind that this version lacks. The text is not repeated.
    """
    kind, colon, name = text.partition(":")
    if colon and kind == "keyring":
        raise ConfigError("`keyring:` is not available in this version", where=where, next_step=_FORMS)
    if colon and kind == "env" and _ENV_NAME.fullmatch(name):
        return SecretRef("env", name)
    if colon and kind == "file" and name.strip() and name.isprintable():
        return SecretRef("file", name)
    raise ConfigError(
        "this is no reference to a secret (its text is not shown, it may be the secret itself)",
        where=where,
        next_step=f"{_FORMS}; if it was a secret, consider it exposed and change it",
    )


def is_set(ref: SecretRef, *, environ: Mapping[str, str], folder: Path) -> bool:
    """Whether there is anything behind the reference; a file that cannot be used still counts."""
    return bool(environ.get(ref.name)) if ref.kind == "env" else _path(ref, environ, folder).exists()


def fetch(ref: SecretRef, *, environ: Mapping[str, str], folder: Path, where: str) -> str:
    """The secret: one line, without the line end that files have.

    Args:
        folder: Where a relative path starts: that of the file which holds the reference.

    Raises:
        ConfigError: nothing is there, others can read it, or it is no single line of text.
    """
    if ref.kind == "env":
        secret = environ.get(ref.name, "")
        if not secret:
            raise ConfigError(
                f"the environment variable {ref.name} is not set", where=where, next_step=f"Set {ref.name}"
            )
    else:
        secret = _read_private(_path(ref, environ, folder), where)
    secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret or any(char in secret for char in "\r\n\0"):
        raise ConfigError(
            "the secret is empty or has several lines", where=where, next_step="It must be one line of text"
        )
    return secret


def _path(ref: SecretRef, environ: Mapping[str, str], folder: Path) -> Path:
    home = environ.get("HOME")
    if home and ref.name.startswith("~/"):
        return Path(home) / ref.name[2:]
    return folder / ref.name


def _read_private(path: Path, where: str) -> str:
    try:
        found = path.stat()
        data = read_small(path, limit=_LONGEST)
    except OSError as error:
        raise ConfigError(
            f"the secret's file {shown(path)} cannot be read", where=where, next_step="Create it with mode 0600"
        ) from error
    if found.st_uid not in (0, os.getuid()):
        raise ConfigError(
            f"the secret's file {shown(path)} belongs to another user", where=where, next_step="Use a file of your own"
        )
    if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"the secret's file {shown(path)} is open to other users (mode {stat.S_IMODE(found.st_mode):04o})",
            where=where,
            next_step=f"Run `chmod 600 {shown(path)}`",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # `from None`: the exception carries the bytes.
        del error
        raise ConfigError(
            f"the secret's file {shown(path)} is no UTF-8 text", where=where, next_step="Save it as text"
        ) from None
