"""A scratch project to run the whole product in: servers file, lock, scripts, and the program itself.

    project = Project(tmp_path, monkeypatch)
    project.add("kit", append="write", look="read")
    done = project.run(turns(turn(("kit.append", {"path": "…", "line": "a"})), "Done."), "--approve", "kit.append")
    done.code, done.report, done.out, done.err

`run` and `call` work in this process, `fork` in a copy of it, `start` and `program` run the installed program. The
lock is written by code, as `gatehost mcp accept` would, with what the kit's and the hostile servers list as long as
they are honest.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from context.calls import ToolDefinition
from context.json_values import JsonObject
from host.cli import run_verb, runs_verb
from host.cli.main import main
from host.config.lock_file import update_lock
from host.config.servers_file import load_servers, server_digest
from host.journal import Journal
from sandboxes.lifecycle import owners
from tests.host import kit_server
from tests.hostile import server as hostile_server

GATEHOST = str(Path(sys.executable).with_name("gatehost"))
WARM = (run_verb, runs_verb)
"""Imported here, because the program imports a command late: else every forked copy would."""
KIT = (sys.executable, "-I", str(Path(kit_server.__file__)))
Tools = Mapping[str, str | Mapping[str, Any]]


def hostile(mode: str, *options: str) -> tuple[str, ...]:
    """The command of the hostile server in one of its modes."""
    return (sys.executable, "-I", str(Path(hostile_server.__file__)), mode, *options)


@dataclass(frozen=True)
class Finished:
    """A command that ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """The one object of `--output json`, or of any `--json`."""
        return json.loads(self.out)

    @property
    def events(self) -> list[Any]:
        """The lines of `--output jsonl`."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event["type"] == kind]


class Forked:
    """A command in a forked process: as real as a started one, without the second that Python takes to import."""

    def __init__(self, arguments: Sequence[str], *, environ: Mapping[str, str], err: Path) -> None:
        source, sink = os.pipe()
        self.err = err
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(source)
                os.dup2(sink, 1)
                os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.environ.update(environ)
                owners.this_process.cache_clear()
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
                try:
                    code = main(arguments)
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else 1
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(sink)
        self.stdout = os.fdopen(source)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def finish(self) -> Finished:
        with self.stdout:
            out = self.stdout.read()
        _, status = os.waitpid(self.pid, 0)
        return Finished(os.waitstatus_to_exitcode(status), out, self.err.read_text())


def turn(*calls: tuple[str, JsonObject], text: str = "") -> JsonObject:
    """One scripted turn that proposes `calls`, each a tool's address and its arguments."""
    return {"text": text, "calls": [{"tool": tool, "arguments": arguments} for tool, arguments in calls]}


@dataclass
class Project:
    """A folder with a servers file of its own, and a state folder beside it.

    Attributes:
        environ: Further variables of the commands that are started.
        changed: A file that makes the kit list something else from its next start on (`kit_server.changed`).
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    environ: dict[str, str] = field(default_factory=dict)
    _servers: dict[str, Any] = field(default_factory=dict)
    _scripts: int = 0

    def __post_init__(self) -> None:
        self.home = self.folder / "state"
        self.work = self.folder / "work"
        self.work.mkdir()
        self.monkeypatch.setenv("GATEHOST_HOME", str(self.home))
        self.monkeypatch.chdir(self.work)
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "OTEL_TRACES_EXPORTER"):
            self.monkeypatch.delenv(name, raising=False)
        self.changed = self.folder / "changed"
        self.servers = self.folder / "servers" / "mcp_servers.toml"
        self.servers.parent.mkdir()
        self._write()

    @property
    def lock(self) -> Path:
        return self.servers.with_name("mcp_servers.lock")

    def add(
        self,
        name: str,
        command: Sequence[str] | None = None,
        *,
        sandbox: str = "unconfined",
        mounts: Sequence[Mapping[str, str]] = (),
        limits: Mapping[str, Any] | None = None,
        trusted: bool = False,
        accept: bool = True,
        tools: Tools | None = None,
        **effects: str,
    ) -> None:
        """Declare a server and, unless told otherwise, accept what it lists when it is honest.

        Args:
            command: The kit's when left out.
            trusted: The operator vouches for its results, so that reading them makes no later value suspect.
            tools: Tool → its effect or its whole table; `effects` are more of them.
        """
        declared = {**(tools or {}), **effects}
        self._servers[name] = {
            "command": list(command or (*KIT, f"--changed={self.changed}")),
            "sandbox": sandbox,
            "mounts": list(mounts),
            "limits": {"start_timeout": "10s", "call_timeout": "10s", **(limits or {})},
            "returns": {"integrity": "trusted" if trusted else "untrusted"},
            "tools": {
                tool: {"effect": rule} if isinstance(rule, str) else dict(rule) for tool, rule in declared.items()
            },
        }
        self._write()
        if accept:
            self.accept(name)

    def change(self, name: str, **keys: Any) -> None:
        """Change keys of a server's table; what was accepted stays as it was."""
        self._servers[name] |= keys
        self._write()

    def command(self, name: str) -> list[str]:
        return list(self._servers[name]["command"])

    def accept(self, name: str, definitions: Sequence[JsonObject] | None = None) -> None:
        """Write the lock's part of one server.

        Args:
            definitions: Tools as MCP lists them, instead of those that the command's file has.
        """
        settings = load_servers(self.servers, home=self.home).servers[name]
        found = definitions if definitions is not None else _listed(settings.command or ())
        tools = [_definition(tool) for tool in found if tool["name"] in settings.tools]
        update_lock(
            self.lock,
            lambda lock: lock.with_server(
                name, server_digest=server_digest(settings), tools=tools, protocol="2026-07-28"
            ),
        )

    def script(self, *turns: JsonObject | str) -> str:
        """`scripted:FILE` of a model that plays these turns; a text is a turn without calls."""
        self._scripts += 1
        path = self.folder / f"script{self._scripts}.toml"
        tables = [{"text": item} if isinstance(item, str) else item for item in turns]
        path.write_text(f"turns = {_toml(tables)}\n", encoding="utf-8")
        return f"scripted:{path}"

    def arguments(self, *options: str, model: str | None, output: str, task: str = "do it") -> list[str]:
        chosen = ["--model", model] if model is not None else []
        return ["run", task, *chosen, "--output", output, "--servers", str(self.servers), *options]

    def run(self, *turns: JsonObject | str, flags: Sequence[str] = (), output: str = "json") -> Finished:
        """One run of a script, in this process."""
        return self.call(*self.arguments(*flags, model=self.script(*turns), output=output))

    def call(self, *arguments: str, stdin: str | None = None) -> Finished:
        """Any command, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), self.monkeypatch.context() as patched:
            patched.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((stdin or "").encode("utf-8", "surrogateescape"))))
            for name, value in self.environ.items():
                patched.setenv(name, value)
            try:
                code = main(list(arguments))
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Finished(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """The installed program, in a process of its own."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [GATEHOST, *arguments],
            cwd=self.work,
            env={**os.environ, **self.environ},
            text=True,
            **(pipes | options),
        )

    def fork(self, *arguments: str) -> Forked:
        """Any command, in a process of its own that can be signalled and killed."""
        self._scripts += 1
        return Forked(arguments, environ=self.environ, err=self.folder / f"err{self._scripts}")

    def finish(self, process: "subprocess.Popen[str]", *, seconds: float = 60) -> Finished:
        """What a started program printed; it must end by itself."""
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return Finished(process.returncode, out or "", err or "")

    def program(self, *arguments: str, **options: Any) -> Finished:
        return self.finish(self.start(*arguments, **options))

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        with Journal.open(self.home / "journal.db") as journal:
            yield journal

    def verifies(self) -> bool:
        return self.call("audit", "verify").code == 0

    def bytes_at_rest(self) -> bytes:
        """All that the state folder holds."""
        return b"\n".join(path.read_bytes() for path in sorted(self.home.rglob("*")) if path.is_file())

    def _write(self) -> None:
        self.servers.write_text(f"version = 1\nservers = {_toml(self._servers)}\n", encoding="utf-8")


def until(holds: Callable[[], object], *, seconds: float = 20) -> None:
    """Wait until something that another process does is seen; bounded."""
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end, "it did not happen in time"
        sleep(0.005)


def lines(path: Path) -> list[str]:
    """The lines of a file that may not exist yet."""
    return path.read_text().splitlines() if path.exists() else []


def _listed(command: Sequence[str]) -> list[JsonObject]:
    if any(part.endswith("kit_server.py") for part in command):
        return kit_server.TOOLS  # type: ignore[return-value]
    if len(command) > 3 and command[3] in hostile_server.MODES:
        mode = command[3]
        chosen = hostile_server.MODES[mode]()
        return [tool for tool in chosen.tools() if isinstance(tool, dict) and isinstance(tool.get("inputSchema"), dict)]
    return hostile_server.TOOLS  # type: ignore[return-value]


def _definition(tool: Mapping[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=tool["name"],
        description=tool.get("description", ""),
        input_schema=tool["inputSchema"],
        output_schema=tool.get("outputSchema"),
        annotations=tool.get("annotations"),
        title=tool.get("title"),
    )


def _toml(value: object) -> str:
    """A value as inline TOML. A basic string of TOML reads as one of JSON does."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
