"""Which configuration files apply in a folder.

Decides: how `mcp_servers.toml` and `gatehost.toml` are found from the current folder upward, and which files
belong to each. Does not decide whether they are trusted (`trust`), nor what they mean.

The search begins in the current folder, whoever owns it, and goes up while a parent folder belongs to the
same owner, to us or to root, and is not writable by everybody: in `/tmp` anybody could leave a file for all who
work below. Each of the two files is taken from the first folder that has it.
"""

import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from context.errors import ConfigError
from host.config.small_files import shown

SERVERS_NAME = "mcp_servers.toml"
SETTINGS_NAME = "gatehost.toml"
LOCK_NAME = "mcp_servers.lock"
POLICIES_NAME = "policies"


@dataclass(frozen=True, slots=True)
class Project:
    """The files in use. All paths are absolute.

    Attributes:
        lock: Beside the servers file; may not exist yet.
        policies: The folder that the settings name, else `policies` beside them, or beside the servers where there are
            no settings; None where it does not exist.
        found_servers, found_settings: What the search upward met, also where another file was named instead:
            the state that `trust` knows.
        explicit_servers, explicit_settings: The file was named on the command line and is trusted for this run.
    """

    folder: Path
    servers: Path | None = None
    settings: Path | None = None
    lock: Path | None = None
    policies: Path | None = None
    found_servers: Path | None = None
    found_settings: Path | None = None
    explicit_servers: bool = False
    explicit_settings: bool = False

    @property
    def explicit(self) -> bool:
        """Whether every file in use was named on the command line, so that none needs trust."""
        return (self.explicit_servers or self.servers is None) and (self.explicit_settings or self.settings is None)


def policy_folder_of(settings: Path | None) -> Path | None:
    """The folder that `[policy]` of a settings file names; None where it names none, or is no file that can be read.

    A file that is wrong is told so when it is loaded; until then what it says need not be known.
    """
    named = _named_in(settings, "policy", "folder")
    return (settings.parent / named).absolute() if settings is not None and named is not None else None


def redaction_rules_of(settings: Path | None) -> Path | None:
    """The file of further rules that `[redaction]` names, in the same manner."""
    named = _named_in(settings, "redaction", "rules")
    return (settings.parent / named).absolute() if settings is not None and named is not None else None


def _named_in(settings: Path | None, table: str, key: str) -> str | None:
    if settings is None:
        return None
    try:
        document = cast("dict[str, object]", tomllib.loads(settings.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return None
    found = document.get(table)
    value = cast("dict[str, object]", found).get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) and value else None


def find_project(cwd: Path, *, config: Path | None = None, servers: Path | None = None) -> Project:
    """The files that apply in `cwd`.

    Args:
        config, servers: Files named on the command line, instead of those found.

    Raises:
        ConfigError: a file that was named does not exist.
    """
    folder = cwd.absolute()
    found_servers = _find(folder, SERVERS_NAME)
    found_settings = _find(folder, SETTINGS_NAME)
    own_servers = _named(servers, folder, "--servers") if servers is not None else found_servers
    own_settings = _named(config, folder, "--config") if config is not None else found_settings
    beside = own_settings or own_servers
    policies = policy_folder_of(own_settings) or (beside.parent / POLICIES_NAME if beside else None)
    return Project(
        folder=folder,
        servers=own_servers,
        settings=own_settings,
        lock=lock_beside(own_servers) if own_servers else None,
        policies=policies if policies is not None and policies.is_dir() else None,
        found_servers=found_servers,
        found_settings=found_settings,
        explicit_servers=servers is not None,
        explicit_settings=config is not None,
    )


def lock_beside(servers: Path) -> Path:
    """Where the lock of a servers file lies, whatever that file is called."""
    return servers.parent / LOCK_NAME


def _find(folder: Path, name: str) -> Path | None:
    for place in _upward(folder):
        path = place / name
        # A dangling link or a pipe of that name is met, and refused by its reader, rather than passed over.
        if os.path.lexists(path) and not path.is_dir():
            return path
    return None


def _upward(folder: Path) -> Iterator[Path]:
    yield folder
    try:
        owner = folder.stat().st_uid
        for place in folder.parents:
            found = place.stat()
            if found.st_uid not in (owner, os.getuid(), 0) or found.st_mode & stat.S_IWOTH:
                return
            yield place
    except OSError:
        return


def _named(path: Path, folder: Path, option: str) -> Path:
    place = folder / path
    if not place.exists() or place.is_dir():
        what = "is a folder" if place.is_dir() else "does not exist"
        raise ConfigError(f"{shown(place)} {what}", where=option, next_step="Name a file that exists")
    return place
