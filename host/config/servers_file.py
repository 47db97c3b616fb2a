"""`mcp_servers.toml`: the servers, what stands around them, and the tools that exist.

Decides: the file's keys, which values contradict each other, and what of a server's configuration must be
accepted anew when it changes. Does not decide which host paths may be mounted (`mount_rules`), what a rule
means for a call (`tool_gateway`), or what a sandbox makes of its settings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from context.calls import TOOL_NAME
from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue, digest
from context.visible_text import escape_line
from host.config.mount_rules import Ground, config_overlays, resolve_mounts
from host.config.nearest_names import advice
from host.config.secret_refs import fetch, parse_reference
from host.config.toml_files import KeyPath, TomlFile, check, read_toml
from host.home import find_home
from sandboxes.interface import Mount, SandboxKind
from sandboxes.secrets.values import SHORTEST
from sandboxes.settings import WallSettings
from tool_gateway.rules import Returns, Settings, ToolRule

SERVER_NAME = re.compile(r"[a-z0-9_-]{1,64}")

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEY", re.IGNORECASE)
_SECRET_LENGTH = 12
_LARGEST = 2**50
_LATER: dict[str, type[list[Any]] | type[dict[str, Any]] | None] = {
    "url": None,
    "egress": list,
    "grants": list,
}
"""Keys of later versions. Where a type stands, its empty value declares nothing and is accepted."""


class ServerSettings(WallSettings):
    """One `[servers.NAME]` table.

    Attributes:
        owner: Who answers for it; stands in the record.
        returns: Label of what its tools return, unless a tool says otherwise.
        tools: The tools that exist. Any other cannot be seen or called.
    """

    owner: str | None = None
    returns: Returns = Returns()
    tools: dict[str, ToolRule] = Field(default_factory=dict[str, ToolRule])


class _Document(Settings):
    version: int
    servers: dict[str, ServerSettings] = Field(default_factory=dict[str, ServerSettings])


@dataclass(frozen=True, slots=True)
class ServersFile:
    """A servers file that was read and checked.

    Attributes:
        path: The file, absolute.
        folder: Where it lies, symlinks resolved; relative mounts start there, the lock lies there.
        warnings: One sentence each; no reason to stop, but to be shown.
        protected: Further configuration that no server may write, wherever it lies.
    """

    version: int
    servers: Mapping[str, ServerSettings]
    path: Path
    folder: Path
    file: TomlFile = field(repr=False)
    mounts: Mapping[str, tuple[Mount, ...]] = field(repr=False)
    warnings: tuple[str, ...] = ()
    protected: tuple[Path, ...] = ()

    def where(self, server: str, *keys: str | int) -> str:
        """`FILE:LINE: servers.NAME.key`, for errors about that server's configuration."""
        return self.file.where("servers", server, *keys)

    def sandbox_mounts(self, server: str) -> tuple[Mount, ...]:
        """The declared mounts of a server, resolved, then what protects the configuration inside them.

        Raises:
            ConfigError: configuration inside a writable mount cannot be protected.
        """
        return (*self.mounts[server], *self.overlays(server))

    def overlays(self, server: str) -> tuple[Mount, ...]:
        """The mounts that keep configuration, policies and the lock read-only inside writable mounts.

        Looks at the disk anew each time: the lock may have been written since the file was read.

        Raises:
            ConfigError: one of these files is a symlink inside a writable mount, which no mount can protect.
        """
        return config_overlays(
            self.mounts[server],
            ground=Ground(self.folder, (self.path, *self.protected)),
            where=self.where(server, "mounts"),
        )

    def secrets(self, server: str, environ: Mapping[str, str]) -> dict[str, str]:
        """The server's secrets, name → value, read now. They must not go anywhere but into its sandbox.

        Raises:
            ConfigError: one is not there, is open to other users, or is too short to be kept out of outputs.
        """
        found: dict[str, str] = {}
        for name, reference in self.servers[server].secrets.items():
            where = self.where(server, "secrets", name)
            value = fetch(parse_reference(reference, where=where), environ=environ, folder=self.folder, where=where)
            if len(value) < SHORTEST:
                raise ConfigError(
                    f"the secret has fewer than {SHORTEST} characters, too few to be kept out of what the server says",
                    where=where,
                    next_step="Use a longer one",
                )
            found[name] = value
        return found

    def kind(self, server: str) -> SandboxKind:
        """The kind of sandbox that the server asks for.

        Raises:
            ConfigError: there is no such kind; names the nearest one.
        """
        from sandboxes import registry

        known = registry.kinds()
        name = self.servers[server].sandbox
        if name not in known:
            raise ConfigError(
                f"there is no sandbox `{escape_line(name, 60)}`",
                where=self.where(server, "sandbox"),
                next_step=advice(name, known, noun="sandbox"),
            )
        return known[name]


def load_servers(
    path: Path, *, home: Path | None = None, protected: Sequence[Path] = (), content: bytes | None = None
) -> ServersFile:
    """Read and check a servers file.

    Args:
        home: The state folder, which no mount may touch; the user's own when left out.
        protected: Configuration that lies elsewhere (a file named by `--config`) and that no server may write.
        content: What is about to be written there, read in place of what is.

    Raises:
        ConfigError: names file, line, key path and the next step.
    """
    path = path.absolute()
    file = read_toml(
        path, next_step="Name it with --servers FILE, or write one with `gatehost mcp add`", content=content
    )
    document = check(file, _Document, data=_without_later(file))
    if document.version != 1:
        raise file.fault(("version",), "`version` must be 1", next_step="Write `version = 1`, or use a newer gatehost")
    folder = path.parent.resolve()
    state = home if home is not None else find_home().folder
    ground = Ground(folder, (path, *protected))
    warnings: list[str] = []
    mounts: dict[str, tuple[Mount, ...]] = {}
    for name, settings in document.servers.items():
        _check_server(file, name, settings)
        mounts[name] = resolve_mounts(file, ("servers", name, "mounts"), settings.mounts, ground=ground, state=state)
        config_overlays(mounts[name], ground=ground, where=file.where("servers", name, "mounts"))
        warnings.extend(_warnings(file, name, settings))
    for name, settings in document.servers.items():
        warnings.extend(_shown_secrets(file, name, settings, mounts, folder))
    return ServersFile(
        version=document.version,
        servers=document.servers,
        path=path,
        folder=folder,
        file=file,
        mounts=mounts,
        warnings=tuple(warnings),
        protected=tuple(protected),
    )


def server_digest(settings: WallSettings) -> str:
    """`sha256:…` of where a server comes from and what stands around it, as written.

    Relative paths stay relative, so that a lock fits every clone. Rules for tools, labels and the owner are
    not in it: they bind us, not the server. A key left out and one that repeats its default are the same.
    """
    written = settings.model_dump(mode="json", include=set(WallSettings.model_fields), exclude_defaults=True)
    return digest(written)


def _without_later(file: TomlFile) -> JsonObject:
    """The content without the empty keys of later versions. Raises: ConfigError for those that declare something."""
    servers = file.data.get("servers")
    if not isinstance(servers, dict):
        return file.data
    kept: JsonObject = {}
    for name, table in servers.items():
        kept[name] = _one_without_later(file, name, table) if isinstance(table, dict) else table
    return {**file.data, "servers": kept}


def _one_without_later(file: TomlFile, name: str, table: dict[str, JsonValue]) -> JsonObject:
    for key, kind in _LATER.items():
        if key not in table:
            continue
        keys: KeyPath = ("servers", name, key)
        value = table[key]
        if kind is None:
            raise file.not_available(keys, next_step="Use `package` or `command`")
        if not isinstance(value, kind):
            wanted = "list" if kind is list else "table"
            raise file.fault(keys, f"`{key}` must be a {wanted}", next_step=f"Remove `{key}`")
        if value:
            raise file.not_available(keys)
    return {key: value for key, value in table.items() if key not in _LATER}


def _check_server(file: TomlFile, name: str, settings: ServerSettings) -> None:
    keys: KeyPath = ("servers", name)
    if not SERVER_NAME.fullmatch(name):
        raise file.fault(
            keys,
            "a server's name has 1 to 64 of the characters a-z, 0-9, _ and -",
            next_step="Rename the server",
        )
    _check_program(file, keys, settings)
    for variable in settings.env:
        if not _ENV_NAME.fullmatch(variable):
            raise file.fault(
                (*keys, "env", variable),
                "this is no name of an environment variable",
                next_step="Use letters, digits and _",
            )
    for tool in settings.tools:
        if not TOOL_NAME.fullmatch(tool):
            raise file.fault(
                (*keys, "tools", tool),
                "a tool's name has 1 to 128 of the characters A-Z, a-z, 0-9, _, . and -",
                next_step="Write it as `gatehost mcp check` shows it",
            )
    for secret, reference in settings.secrets.items():
        if not _ENV_NAME.fullmatch(secret):
            raise file.fault(
                (*keys, "secrets", secret),
                "this is no name of a secret; it becomes a file name and, with _FILE, an environment variable",
                next_step="Use letters, digits and _",
            )
        parse_reference(reference, where=file.where(*keys, "secrets", secret))
    if settings.runtime != WallSettings.model_fields["runtime"].default and settings.sandbox != "docker":
        raise file.fault(
            (*keys, "runtime"), "only the sandbox `docker` has runtimes to choose from", next_step="Remove `runtime`"
        )
    for key, value in cast("dict[str, float]", settings.limits.model_dump()).items():
        if not 0 < value <= _LARGEST:
            raise file.fault(
                (*keys, "limits", key), "the limit is too large to mean anything", next_step="Write a smaller one"
            )


def _check_program(file: TomlFile, keys: KeyPath, settings: ServerSettings) -> None:
    if (settings.package is None) == (settings.command is None):
        both = settings.package is not None
        raise file.fault(
            (*keys, "command") if both else keys,
            "`package` and `command` exclude each other" if both else "neither `package` nor `command` is there",
            next_step="Keep one of them" if both else 'Add for example package = "pypi:NAME==VERSION"',
        )
    if settings.package is not None:
        # Here, because the package folder brings the clients of the registries along.
        from sandboxes.packages.source import parse_source

        try:
            parse_source(settings.package)
        except ConfigError as error:
            raise ConfigError(error.what, where=file.where(*keys, "package"), next_step=error.next_step) from error
    elif not settings.command or not settings.command[0]:
        raise file.fault(
            (*keys, "command"), "the command is empty", next_step='Write for example command = ["python3", "/srv/a.py"]'
        )
    elif settings.entry is not None:
        raise file.fault((*keys, "entry"), "only a package has entry points", next_step="Remove `entry`")


def _shown_secrets(
    file: TomlFile, name: str, settings: ServerSettings, mounts: Mapping[str, Sequence[Mount]], folder: Path
) -> list[str]:
    """A secret's file that lies in a mount can be read there, by this server or by another."""
    found: list[str] = []
    for secret, reference in settings.secrets.items():
        kind, _, path = reference.partition(":")
        if kind != "file":
            continue
        place = (folder / Path(path).expanduser()).resolve()
        seers = [other for other, own in mounts.items() if any(place.is_relative_to(mount.host) for mount in own)]
        found += [
            f"{file.where('servers', name, 'secrets', secret)}: the secret's file lies in a mount of server {seer}, "
            "which can read it there"
            for seer in seers
        ]
    return found


def _warnings(file: TomlFile, name: str, settings: ServerSettings) -> list[str]:
    found: list[str] = []
    keys: KeyPath = ("servers", name)
    if settings.sandbox == "unconfined":
        found.append(
            f"{file.where(*keys, 'sandbox')}: UNCONFINED: no wall stands around this server; it can read, change and "
            "send away everything that you can"
        )
    for variable, value in settings.env.items():
        if _SECRET_NAME.search(variable) and len(value) >= _SECRET_LENGTH and not value.startswith("/"):
            found.append(
                f"{file.where(*keys, 'env', variable)}: the value looks like a secret; `env` is for plain values and "
                "stands readable in this file"
            )
    seen: dict[str, str] = {}
    for tool in settings.tools:
        other = seen.setdefault(tool.lower(), tool)
        if other != tool:
            found.append(f"{file.where(*keys, 'tools', tool)}: differs from `{other}` only in upper and lower case")
    return found
