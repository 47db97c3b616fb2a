"""A client that speaks lines with `gatehost serve --stdio` in a forked process, in either protocol era.

    with Served(project, era="2026-07-28") as served:
        served.hello()
        end = served.call("kit__echo", {"text": "hi"})

Everything that the server writes must be a JSON-RPC message; a line that is none fails the test.
"""

import json
import os
import select
import signal
import sys
from time import monotonic
from types import TracebackType
from typing import Any

from context.json_values import JsonObject
from host.cli import serve_verb
from host.cli.main import main
from host.serve import stdio
from sandboxes.lifecycle import owners
from tests.host.projects import Project

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ERAS = (MODERN, LEGACY)
WARM = (serve_verb, stdio)
"""Imported here: else every forked copy would."""

_META = "io.modelcontextprotocol/"


class Served:
    """The server and the client's ends of its pipes."""

    def __init__(self, project: Project, *flags: str, era: str = MODERN, name: str = "claude-code") -> None:
        self.era = era
        self.name = name
        self.seen: list[JsonObject] = []
        self._read = bytearray()
        self._next = 0
        self._err = project.folder / f"serve-err-{len(list(project.folder.glob('serve-err-*')))}"
        self._servers = str(project.servers)
        self._code: int | None = None
        theirs_in, self.to = os.pipe()
        self.of, theirs_out = os.pipe()
        arguments = ["serve", "--stdio", "--servers", self._servers, *flags]
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(self.to)
                os.close(self.of)
                os.dup2(theirs_in, 0)
                os.dup2(theirs_out, 1)
                os.dup2(os.open(self._err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                os.close(theirs_in)
                os.close(theirs_out)
                owners.this_process.cache_clear()
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
                code = main(arguments)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self._code is None:
            if kind is None:
                self.finish()
            else:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        for descriptor in (self.to, self.of):
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def err(self) -> str:
        return self._err.read_text()

    def send(self, line: bytes) -> None:
        while line:
            _, ready, _ = select.select([], [self.to], [], 10)
            assert ready, "the server reads nothing"
            line = line[os.write(self.to, line[:4096]) :]

    def ask(self, method: str, params: JsonObject | None = None, *, request_id: int | str | None = None) -> int | str:
        """Send a request; its id."""
        if request_id is None:
            self._next += 1
            request_id = self._next
        self.send(self.line(method, params, request_id=request_id))
        return request_id

    def line(self, method: str, params: JsonObject | None = None, *, request_id: int | str) -> bytes:
        given: dict[str, Any] = dict(params or {})
        if self.era == MODERN:
            meta = given.get("_meta") or {}
            assert isinstance(meta, dict)
            given["_meta"] = {
                **meta,
                _META + "protocolVersion": MODERN,
                _META + "clientInfo": {"name": self.name, "version": "2.1"},
                _META + "clientCapabilities": {},
            }
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": given}
        return json.dumps(message).encode() + b"\n"

    def notify(self, method: str, **params: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n")

    def message(self, *, seconds: float = 10) -> JsonObject:
        """The next message of the server."""
        end = monotonic() + seconds
        while b"\n" not in self._read:
            ready, _, _ = select.select([self.of], [], [], max(0.0, end - monotonic()))
            assert ready, f"the server says nothing; on stderr: {self.err}"
            chunk = os.read(self.of, 65536)
            assert chunk, f"the server went away; on stderr: {self.err}"
            self._read += chunk
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read[:] = rest
        found = json.loads(line)
        assert found["jsonrpc"] == "2.0", line
        self.seen.append(found)
        return found  # type: ignore[no-any-return]

    def answer(self, request_id: int | str | None, *, seconds: float = 10) -> JsonObject:
        """The answer to one request; what comes before it is kept in `seen`."""
        for found in self.seen:
            if "method" not in found and found["id"] == request_id:
                return found
        while True:
            found = self.message(seconds=seconds)
            if "method" not in found and found["id"] == request_id:
                return found

    def request(self, method: str, params: JsonObject | None = None) -> JsonObject:
        return self.answer(self.ask(method, params))

    def hello(self) -> JsonObject:
        """The handshake of the era; what the server says of itself."""
        if self.era == MODERN:
            answer = self.request("server/discover")
        else:
            info = {"name": self.name, "version": "2.1"}
            answer = self.request("initialize", {"protocolVersion": self.era, "capabilities": {}, "clientInfo": info})
            self.notify("notifications/initialized")
        return answer["result"]  # type: ignore[return-value]

    def propose(self, name: str, arguments: JsonObject, **meta: Any) -> int | str:
        params: dict[str, Any] = {"name": name, "arguments": arguments}
        return self.ask("tools/call", {**params, "_meta": meta} if meta else params)

    def call(self, name: str, arguments: JsonObject) -> Any:
        """The result of a call that ends by itself."""
        return self.answer(self.propose(name, arguments))["result"]

    def close(self) -> None:
        """Close the server's stdin."""
        if self.to >= 0:
            os.close(self.to)
            self.to = -1

    def finish(self, *, seconds: float = 15) -> int:
        """Close its stdin, read what is left, and wait for its end; the exit code."""
        self.close()
        return self.wait(seconds=seconds)

    def wait(self, *, seconds: float = 15) -> int:
        """Until it has ended by itself."""
        end = monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.of], [], [], max(0.0, end - monotonic()))
            if not ready:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self._code = -9
                raise AssertionError(f"the server did not end; on stderr: {self.err}")
            chunk = os.read(self.of, 65536)
            if not chunk:
                break
            self._read += chunk
        for line in bytes(self._read).splitlines():
            self.seen.append(json.loads(line))
        self._read.clear()
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code


def text(result: Any) -> str:
    return "\n".join(part["text"] for part in result["content"])
