"""What must stand on this machine and in this folder for a run to work, checked one by one.

Decides: which checks there are, what stops a run (`fail`) and what only narrows it (`warn`), and the remedy of
each. Does not decide how the checks are shown, and mends nothing.
"""

import platform
import shutil
import stat
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal

import anyio.to_thread

from context.errors import GatehostError
from context.json_values import JsonObject
from context.visible_text import escape_line
from host.config.lock_file import Lock, load_lock
from host.config.project_files import Project
from host.config.servers_file import ServersFile, load_servers, server_digest
from host.config.settings_file import Settings, load_settings, resolve_model
from host.config.small_files import shown
from host.home import Home

Status = Literal["ok", "warn", "fail"]

_SECONDS = 20.0
_RECORD_BYTES = 32 * 1024 * 1024
"""A larger record is not verified here: that may take longer than anybody wants to wait."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row.

    Attributes:
        remedy: The next step; empty only where `status` is `ok`.
        exit_code: What a run would end with, for `fail`.
    """

    check: str
    status: Status
    detail: str
    remedy: str = ""
    exit_code: int = 0

    def as_json(self) -> JsonObject:
        return {"check": self.check, "status": self.status, "detail": self.detail, "remedy": self.remedy or None}


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is checked: a state folder, the files of a project, the environment."""

    home: Home
    project: Project
    environ: Mapping[str, str]


async def check_up(grounds: Grounds) -> AsyncGenerator[Check, None]:
    """Every check, in an order in which one explains the next. Changes nothing but an empty state folder."""
    yield Check("python", "ok", f"{platform.python_version()} ({platform.python_implementation()})")
    state = await anyio.to_thread.run_sync(_state_folder, grounds.home)
    yield state
    if state.status != "fail":
        for check in await anyio.to_thread.run_sync(_journal, grounds.home):
            yield check
    async for check in _sandboxes(grounds.home):
        yield check
    for name in ("uv", "npm", "git"):
        yield await _CLIENTS[name](grounds.home)
    async for check in _project(grounds):
        yield check


def _fail(check: str, error: GatehostError) -> Check:
    where = f"{error.where}: " if error.where else ""
    remedy = error.next_step or "See the message"
    return Check(check, "fail", f"{where}{error.what}", remedy, error.exit_code)


# The state.


def _state_folder(home: Home) -> Check:
    try:
        home.prepare()
        mode = stat.S_IMODE(home.folder.stat().st_mode)
    except GatehostError as error:
        return _fail("state folder", error)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check(
            "state folder",
            "warn",
            f"{shown(home.folder)} is open to other users (mode {mode:04o})",
            f"Run `chmod 700 {shown(home.folder)}`",
        )
    return Check("state folder", "ok", f"{shown(home.folder)} (mode {mode:04o})")


def _journal(home: Home) -> list[Check]:
    from host.journal import Journal

    try:
        with Journal.open(home.journal) as journal:
            opened = Check("journal", "ok", "opens and can be written")
            size = sum(path.stat().st_size for path in home.record.glob("*") if path.is_file())
            if size > _RECORD_BYTES:
                return [opened, Check("record", "ok", f"{size:,} bytes; `gatehost audit verify` checks all of it")]
            verdict = journal.verify()
    except GatehostError as error:
        return [_fail("journal", error)]
    if verdict.fault is not None:
        return [
            opened,
            Check(
                "record",
                "fail",
                f"does NOT verify: {escape_line(verdict.fault.sentence(), 300)}",
                "Run `gatehost audit verify`, and find out who changed it",
            ),
        ]
    return [opened, Check("record", "ok", f"verifies: {verdict.head.entries} entries")]


# The walls.


async def _sandboxes(home: Home) -> AsyncGenerator[Check, None]:
    from sandboxes.runtime.engine import bubblewrap_fault, look
    from sandboxes.runtime.image import default_sandbox, image_fault, recorded_image

    place = home.sandbox_home()
    engine = await look(place)
    if engine.answers:
        runtimes = ", ".join(escape_line(name, 60) for name in engine.runtimes)
        rootless = ", rootless" if engine.rootless else ""
        yield Check("docker", "ok", f"{engine.version}{rootless}, cgroups v{engine.cgroups}, runtimes {runtimes}")
    else:
        yield Check(
            "docker",
            "warn",
            engine.detail,
            "Start the Docker engine, or install one (as root on Debian or Ubuntu: `gatehost sandbox build --install`)",
        )
    fault = await image_fault(place)
    image = recorded_image(place)
    if fault is None and image is not None:
        yield Check("runtime image", "ok", f"{image.image[:19]}, Python {image.python}, {image.platform}")
    else:
        yield Check("runtime image", "warn", _alone(fault) if fault else "none", "Run `gatehost sandbox build`")
    fault = await bubblewrap_fault()
    if fault is None:
        yield Check("bubblewrap", "ok", "confines here")
    else:
        yield Check("bubblewrap", "warn", fault, "Install bubblewrap, if servers are to run without an engine")
    try:
        yield Check("sandbox", "ok", f"servers run in {await default_sandbox(place)} unless their entry says otherwise")
    except GatehostError as error:
        yield _fail("sandbox", error)


def _alone(fault: str) -> str:
    """What is wrong, without the remedy that stands on a line of its own."""
    return fault.partition(". Run `gatehost sandbox build`")[0]


# The clients that fetch packages, and git.


async def _uv(home: Home) -> Check:
    from uv import find_uv_bin

    del home
    try:
        return await _version("uv", find_uv_bin())
    except (FileNotFoundError, GatehostError) as error:
        return Check("uv", "fail", escape_line(str(error), 200), "Install gatehost again: uv comes with it", 7)


async def _npm(home: Home) -> Check:
    from sandboxes.runtime.node import NODE_VERSION, node_folder

    npm = shutil.which("npm")
    if npm is not None:
        try:
            return await _version("npm", npm)
        except GatehostError as error:
            return Check("npm", "warn", error.what, "Mend npm; servers from npm cannot be fetched")
    if node_folder(home.sandbox_home()) is not None:
        return Check("npm", "ok", f"the one of our own Node {NODE_VERSION}")
    return Check("npm", "warn", "there is none yet", "Run `gatehost sandbox build`, which fetches Node with npm")


async def _git(home: Home) -> Check:
    del home
    git = shutil.which("git")
    if git is None:
        return Check("git", "warn", "not installed on this machine", "Install git; `gatehost demo` needs it")
    try:
        return await _version("git", git)
    except GatehostError as error:
        return Check("git", "warn", error.what, "Mend git; `gatehost demo` needs it")


_CLIENTS = {"uv": _uv, "npm": _npm, "git": _git}


async def _version(name: str, program: str) -> Check:
    """Raises: SandboxError: it does not start."""
    from sandboxes.runtime.host_commands import check_command

    said = await check_command(
        [program, "--version"], timeout=_SECONDS, doing="say its version", next_step=f"Install {name} again"
    )
    return Check(name, "ok", f"{escape_line(said.strip(), 80)} ({escape_line(program, 200)})")


# The project.


async def _project(grounds: Grounds) -> AsyncGenerator[Check, None]:
    settings, servers, lock = Settings(), None, Lock()
    project = grounds.project
    try:
        settings = load_settings(project.settings)
        where = shown(project.settings) if project.settings else "none; the defaults apply"
        yield Check("settings", "ok", where)
    except GatehostError as error:
        yield _fail("settings", error)
    for warning in settings.warnings:
        yield Check("settings", "warn", warning, "Change that key, if this is not what you want")
    if project.servers is None:
        yield Check("servers file", "warn", "there is none here or above", "Add a server with `gatehost mcp add`")
    else:
        protected = [path for path in (project.settings, project.policies) if path is not None]
        try:
            servers = load_servers(project.servers, home=grounds.home.folder, protected=protected)
            yield Check("servers file", "ok", f"{shown(servers.path)}: {len(servers.servers)} server(s)")
            lock = load_lock(project.lock)
        except GatehostError as error:
            yield _fail("servers file" if servers is None else "lock", error)
    yield _trust(grounds)
    if servers is not None:
        for warning in servers.warnings:
            yield Check("servers file", "warn", warning, "Change that entry, if this is not what you want")
        for name in servers.servers:
            yield await _server(grounds.home, servers, lock, name)
    for check in _models(grounds, settings):
        yield check


def _trust(grounds: Grounds) -> Check:
    from host.config.trust import look_at

    try:
        state = look_at(grounds.project, grounds.home)
    except GatehostError as error:
        return _fail("trust", error)
    if state is None or grounds.project.explicit:
        return Check("trust", "ok", "no project file here needs it")
    if state.is_trusted:
        return Check("trust", "ok", f"the project files of {shown(state.anchor)} are trusted as they are")
    return Check(
        "trust",
        "warn",
        f"not yet given: {'; '.join(state.changes[:5])}",
        "Run `gatehost trust`, which shows what they would allow; until then runs in this folder are refused",
    )


async def _server(home: Home, servers: ServersFile, lock: Lock, name: str) -> Check:
    """How one server of the file stands, without starting it."""
    from host.review.reachability import unreachable

    check = f"server {name}"
    settings = servers.servers[name]
    fault = await _sandbox_fault(home, servers, name)
    if fault is not None:
        return fault
    see = "`gatehost mcp list --tools` shows each tool's arguments"
    for tool in settings.tools:
        pinned = lock.servers[name].tools.get(tool) if name in lock.servers else None
        faults = unreachable(servers, name, tool, pinned.definition, next_step=see) if pinned is not None else []
        if faults:
            return _fail(check, faults[0])
    accept = f"Run `gatehost mcp accept {name}`"
    if name not in lock.servers:
        return Check(check, "warn", "was never accepted, so none of its tools can be called", accept)
    if lock.servers[name].server_digest != server_digest(settings):
        return Check(
            check,
            "warn",
            "its configuration changed since it was accepted, so none of its tools can be called",
            f"See `gatehost mcp diff {name}`, then {accept[4:]}",
        )
    missing = [tool for tool in settings.tools if tool not in lock.servers[name].tools]
    if missing:
        return Check(check, "warn", f"not accepted yet: {', '.join(missing[:10])}", accept)
    return Check(check, "ok", f"accepted with {len(settings.tools)} tool(s), in {escape_line(settings.sandbox, 60)}")


async def _sandbox_fault(home: Home, servers: ServersFile, name: str) -> Check | None:
    from sandboxes.runtime.engine import look
    from sandboxes.runtime.image import image_fault

    check, settings = f"server {name}", servers.servers[name]
    try:
        kind = servers.kind(name)
        servers.sandbox_mounts(name)
    except GatehostError as error:
        return _fail(check, error)
    fault = await anyio.to_thread.run_sync(kind.unavailable)
    if fault is None and kind.name == "docker":
        place = home.sandbox_home()
        fault = await image_fault(place)
        engine = await look(place)
        if fault is None and engine.answers and settings.runtime not in engine.runtimes:
            fault = f"the engine has no runtime {escape_line(settings.runtime, 60)}"
    if fault is None:
        return None
    # Not a failure: other servers may run, and whether any sandbox can is a check of its own.
    return Check(
        check,
        "warn",
        f"its sandbox {kind.name} cannot be used: {_alone(fault)}",
        "Run `gatehost sandbox build`, or name another sandbox or runtime in its entry",
    )


# The models.


def _models(grounds: Grounds, settings: Settings) -> list[Check]:
    checks: list[Check] = []
    folder = grounds.project.folder
    for name in settings.models:
        try:
            model = resolve_model(name, settings, grounds.environ, folder=folder)
            checks.append(Check(f"model {name}", "ok", f"{model.adapter} {escape_line(model.model, 200)}"))
        except GatehostError as error:
            checks.append(Check(f"model {name}", "warn", error.what, error.next_step or "Mend its [models] table"))
    try:
        model = resolve_model(None, settings, grounds.environ, folder=folder)
        checks.append(Check("model", "ok", f"a run that names none uses {escape_line(model.name, 200)}"))
    except GatehostError as error:
        checks.append(Check("model", "warn", error.what, error.next_step or "Name one with --model"))
    return checks


def exit_code(checks: list[Check]) -> int:
    """0, or what the first failed check would make of a run."""
    return next((check.exit_code or 1 for check in checks if check.status == "fail"), 0)
