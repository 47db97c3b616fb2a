"""Which project files of this machine were looked at and trusted, by digest.

Decides: what belongs to a project's trust (servers file and lock; settings and policies), and when it must be
given again. Does not decide which files are in use (`project_files`), nor whether trusting them is wise:
`describe` says what they would allow, a person decides.

A cloned repository brings its own configuration along; without this, entering a folder would be enough to
start its servers. Taking a file away changes what is allowed as well, so absence is part of what is trusted.
"""

import contextlib
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from context.errors import ConfigError
from context.json_values import digest_bytes
from context.visible_text import escape_line
from host.config.lock_file import FILE_BYTES, load_lock
from host.config.project_files import (
    POLICIES_NAME,
    Project,
    find_project,
    lock_beside,
    policy_folder_of,
    redaction_rules_of,
)
from host.config.servers_file import ServerSettings, ServersFile, load_servers, server_digest
from host.config.settings_file import Settings, load_settings, location_of
from host.config.small_files import alone_in, read_small, replace_small, shown
from host.home import Home

Unit = Literal["servers", "settings"]
Digests = Mapping[str, str]

_VERSION = 1
_UNITS: tuple[Unit, ...] = ("servers", "settings")
_MOST_POLICIES = 1000
_STORE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrustState:
    """A project's files now, and as they were trusted.

    Attributes:
        anchor: The deepest folder with one of the files; what trust is given to.
        now: Unit → path → digest; empty where the unit has no file.
        trusted: The same as it was trusted; None where it never was.
        needed: The units in use that were found, not named.
    """

    anchor: Path
    now: Mapping[Unit, Digests]
    trusted: Mapping[Unit, Digests | None]
    needed: tuple[Unit, ...]

    @property
    def is_trusted(self) -> bool:
        return all(self._agrees(unit) for unit in self.needed)

    @property
    def changes(self) -> list[str]:
        """What differs from what was trusted, one sentence a file, escaped."""
        return [line for unit in self.needed if not self._agrees(unit) for line in self._differences(unit)]

    def _agrees(self, unit: Unit) -> bool:
        return self.now[unit] == (self.trusted[unit] or {})

    def _differences(self, unit: Unit) -> list[str]:
        before, now = self.trusted[unit], self.now[unit]
        if before is None:
            return [f"{escape_line(path, 300)} was never trusted" for path in sorted(now)]
        lines: list[str] = []
        for path in sorted(before.keys() | now.keys()):
            if before.get(path) != now.get(path):
                word = "is new" if path not in before else "was removed" if path not in now else "changed"
                lines.append(f"{escape_line(path, 300)} {word}")
        return lines


def look_at(project: Project, home: Home) -> TrustState | None:
    """How the project stands; None when the search found no file at all.

    Raises:
        ConfigError: a file, or the list of trusted ones, cannot be read.
    """
    anchor = _anchor(project)
    now: dict[Unit, Digests] = {"servers": _servers_digests(project), "settings": _settings_digests(project)}
    row = _load(home).get(str(anchor), {}) if anchor is not None else {}
    named: dict[Unit, bool] = {"servers": project.explicit_servers, "settings": project.explicit_settings}
    if anchor is None:
        return None
    return TrustState(
        anchor=anchor,
        now=now,
        trusted={unit: row.get(unit) for unit in _UNITS},
        # Where every file in use was named, one that is gone could not have been in use.
        needed=tuple(unit for unit in _UNITS if not named[unit] and (now[unit] or not project.explicit)),
    )


def require_trust(project: Project, home: Home) -> None:
    """Refuse project files that were found but not trusted as they are now.

    Raises:
        ConfigError: says what was never trusted, or what changed since.
    """
    state = look_at(project, home)
    if state is None or state.is_trusted:
        return
    changes = state.changes
    more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
    raise ConfigError(
        f"the project files are not trusted: {'; '.join(changes[:5])}{more}",
        where=shown(state.anchor),
        next_step="Run `gatehost trust` to see what they would allow and to trust them (`--yes` where there is no "
        "terminal), or name the files with --config and --servers",
    )


def give_trust(state: TrustState, home: Home) -> None:
    """Trust the needed units exactly as `state` saw them: what was shown, not what stands there by now.

    Raises:
        ConfigError: the state folder cannot be written.
    """
    _store(home, state.anchor, {unit: state.now[unit] for unit in state.needed})


@contextlib.contextmanager
def keeping_trust(project: Project, home: Home) -> Generator[None, None, None]:
    """Around a write of the servers file or the lock that a person asked for: what was trusted stays trusted.

    Files that were not trusted before are not afterwards; a servers file that did not exist is. Keep the block
    to the write itself.

    Raises:
        ConfigError: see `look_at` and `give_trust`.
    """
    before = look_at(project, home)
    yield
    after = look_at(find_project(project.folder), home)
    if after is None:
        return
    kept: dict[Unit, Digests] = {}
    old_servers: Digests = before.now["servers"] if before else {}
    if not old_servers or (before is not None and before.trusted["servers"] == old_servers):
        kept["servers"] = after.now["servers"]
    if before is not None and before.trusted["settings"] is not None:
        # As it was: a settings file that appeared meanwhile is nobody's wish.
        kept["settings"] = before.trusted["settings"]
    _store(home, after.anchor, kept)


def describe(project: Project, home: Home) -> list[str]:
    """What the found files would allow, in lines for a person; all foreign text escaped.

    Raises:
        ConfigError: a file is malformed; nobody can trust what cannot be read.
    """
    lines: list[str] = []
    if project.found_servers is not None and not project.explicit_servers:
        servers = load_servers(project.found_servers, home=home.folder)
        lock = load_lock(lock_beside(project.found_servers))
        lines.append(f"{shown(servers.path)} would run {len(servers.servers)} server(s):")
        for name, settings in servers.servers.items():
            locked = lock.servers.get(name)
            if locked is None:
                state = "not accepted yet, so none of its tools can be called"
            elif locked.server_digest != server_digest(settings):
                state = "changed since it was accepted, so none of its tools can be called"
            else:
                state = f"accepted with {len(locked.tools)} tool(s)"
            lines.extend(_server_lines(servers, name, settings, state))
        lines.extend(f"  ! {escape_line(warning, 500)}" for warning in servers.warnings)
    if project.found_settings is not None and not project.explicit_settings:
        lines.extend(_settings_lines(load_settings(project.found_settings)))
    return lines


def _server_lines(servers: ServersFile, name: str, settings: ServerSettings, state: str) -> list[str]:
    source = settings.package or " ".join(settings.command or ())
    words = f" {' '.join(settings.args)}" if settings.args else ""
    lines = [f"  {name}: {escape_line(source + words, 300)}", f"    sandbox {escape_line(settings.sandbox)}; {state}"]
    for mount in servers.mounts[name]:
        verb = "reads and WRITES" if mount.mode == "rw" else "reads"
        lines.append(f"    {verb} {shown(mount.host)} (as {escape_line(mount.at, 200)})")
    lines.extend(f"    environment {variable} = {escape_line(value, 100)}" for variable, value in settings.env.items())
    for tool, rule in settings.tools.items():
        limits = f", {len(rule.arguments)} constrained argument(s)" if rule.arguments else ""
        lines.append(f"    tool {tool}: effect {rule.effect}, approve {rule.approve}{limits}")
    if not settings.tools:
        lines.append("    no tool")
    return lines


def _settings_lines(settings: Settings) -> list[str]:
    lines = [f"{shown(settings.path or Path())} would set:"]
    for name, model in settings.models.items():
        place = f" at {escape_line(model.base_url, 200)}" if model.base_url else ""
        key = f", key from {escape_line(model.key, 200)}" if model.key else ""
        lines.append(
            f"  model {name}: {model.adapter} {escape_line(model.model, 100)}{place}{key} ({location_of(model)})"
        )
    for name, agent in settings.agents.items():
        tools = ", ".join(escape_line(glob, 100) for glob in agent.tools) or "none"
        models = f"; models {', '.join(escape_line(model, 100) for model in agent.models)}" if agent.models else ""
        lines.append(f"  agent {name}: tools {tools}{models}")
        if agent.provenance != "strict":
            lines.append(f"    provenance: {agent.provenance}")
        if agent.instructions:
            lines.append(f"    instructions, {len(agent.instructions):,} characters:")
            lines.extend(f"      {escape_line(line)}" for line in agent.instructions.split("\n"))
    if settings.policy is not None:
        lines.append(f"  policies: {escape_line(settings.policy.folder, 200)}, added to those that ship")
    for name, person in settings.people.items():
        lines.append(f"  person {escape_line(name, 100)}: roles {escape_line(', '.join(person.roles), 200) or 'none'}")
    if settings.identity.user is not None:
        lines.append(f"  agents act for {escape_line(settings.identity.user, 100)}")
    approvals = settings.approvals
    lines.append(f"  approvals: unattended {approvals.unattended}, expire after {approvals.expires:g} s")
    lines.extend(f"  ! {escape_line(warning, 500)}" for warning in settings.warnings)
    return lines


def _anchor(project: Project) -> Path | None:
    folders = [path.parent.resolve() for path in (project.found_servers, project.found_settings) if path is not None]
    return max(folders, key=lambda folder: len(folder.parts), default=None)


def _servers_digests(project: Project) -> dict[str, str]:
    path = project.found_servers
    return {} if path is None else _digests([path, lock_beside(path)])


def _settings_digests(project: Project) -> dict[str, str]:
    beside = project.found_settings or project.found_servers
    paths = [project.found_settings] if project.found_settings else []
    if beside is not None:
        paths.extend(_policies(beside.parent / POLICIES_NAME))
    named = policy_folder_of(project.found_settings)
    if named is not None and beside is not None and named != (beside.parent / POLICIES_NAME).absolute():
        paths.extend(_policies(named))
    rules = redaction_rules_of(project.found_settings)
    if rules is not None:
        paths.append(rules)
    return _digests(paths)


def _policies(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in {".cedar", ".cedarschema"})
    except OSError:
        return []
    if len(found) > _MOST_POLICIES:
        raise ConfigError(
            f"more than {_MOST_POLICIES} policy files", where=shown(folder), next_step="Put them into fewer files"
        )
    return found


def _digests(paths: list[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found[str(path.parent.resolve() / path.name)] = digest_bytes(read_small(path, limit=FILE_BYTES))
    return found


def _load(home: Home) -> dict[str, dict[str, Any]]:
    path = _store_path(home)
    try:
        document: Any = json.loads(read_small(path, limit=_STORE_BYTES))
        if document["version"] != _VERSION:
            raise ValueError("another version")
        rows = cast("dict[str, dict[str, Any]]", document["projects"])
        if not all(_is_row(row) for row in rows.values()):
            raise ValueError("a row is malformed")
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            "the list of trusted projects is damaged",
            where=shown(path),
            next_step="Remove that file and trust your projects again with `gatehost trust`",
        ) from error
    return rows


def _is_row(row: dict[str, Any]) -> bool:
    return all(
        isinstance(unit, dict)
        and all(isinstance(path, str) and isinstance(mark, str) for path, mark in cast("dict[Any, Any]", unit).items())
        for unit in row.values()
    )


def _store(home: Home, anchor: Path, units: Mapping[Unit, Digests]) -> None:
    if not units:
        return
    home.prepare()
    with alone_in(home.folder):
        rows = _load(home)
        rows[str(anchor)] = {**rows.get(str(anchor), {}), **{unit: dict(now) for unit, now in units.items()}}
        text = json.dumps({"version": _VERSION, "projects": rows}, indent=1, sort_keys=True) + "\n"
        replace_small(_store_path(home), text.encode(), mode=0o600)


def _store_path(home: Home) -> Path:
    return home.folder / "trust.json"
