"""A command's working material: home, project files, settings, servers, lock, loaded once and passed down.

Decides: where they come from and that project files must be trusted. Does not decide their meaning.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from host.config.lock_file import Lock, load_lock
from host.config.project_files import Project, find_project
from host.config.servers_file import ServersFile, load_servers
from host.config.settings_file import Settings, load_settings
from host.config.trust import require_trust
from host.home import Home, find_home
from tool_gateway.admission import Admission

if TYPE_CHECKING:  # it brings `mcp` along, which costs 0.7 s of CPU
    from host.servers.kept import KeptServers


@dataclass(frozen=True, slots=True)
class Workshop:
    """See the module.

    Attributes:
        servers: None where no servers file was found.
        kept: What a long-lived host keeps of servers between its runs; None for a command that runs once.
        admission: Rates, places and breakers, shared by all runs of this process.
    """

    home: Home
    project: Project
    settings: Settings
    servers: ServersFile | None
    lock: Lock
    environ: Mapping[str, str]
    kept: "KeptServers | None" = None
    admission: Admission = field(default_factory=Admission)


def open_workshop(
    *,
    config: str | None,
    servers: str | None,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    trusted: bool = True,
) -> Workshop:
    """Find and load everything.

    Args:
        config, servers: Paths from `--config` and `--servers`; files named so are trusted for this command.
        folder: Where the search for project files starts; the current one when left out.
        trusted: Refuse project files that were found but never trusted.

    Raises:
        ConfigError: a file is missing, malformed or not trusted.
    """
    env = os.environ if environ is None else environ
    home = find_home(env).prepare()
    project = find_project(
        folder or Path.cwd(), config=Path(config) if config else None, servers=Path(servers) if servers else None
    )
    if trusted:
        require_trust(project, home)
    return Workshop(
        home=home,
        project=project,
        settings=load_settings(project.settings),
        servers=_servers(project, home),
        lock=load_lock(project.lock),
        environ=env,
    )


def _servers(project: Project, home: Home) -> ServersFile | None:
    if project.servers is None:
        return None
    protected = [path for path in (project.settings, project.policies) if path is not None]
    return load_servers(project.servers, home=home.folder, protected=protected)
