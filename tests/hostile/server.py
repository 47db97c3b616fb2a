"""A server that speaks raw bytes on stdio, honestly or not. Standard library only; runs in any sandbox.

    python3 server.py MODE [OPTION]

Every mode but those that never answer speaks enough MCP to be connected to; then it misbehaves in one way.
`MODES` lists them. It knows both eras: `initialize`, and (unless `--era=legacy`) `server/discover`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

OUT = sys.stdout.buffer
LOCK = threading.RLock()
LEGACY, MODERN = "2025-11-25", "2026-07-28"
OBJECT = {"type": "object"}

TOOLS = [
    {
        "name": "echo",
        "description": "Gives back what it was given.",
        "inputSchema": {**OBJECT, "properties": {"text": {"type": "string"}}},
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "write_file",
        "description": "Writes a file.",
        "inputSchema": {**OBJECT, "properties": {"path": {"type": "string"}, "text": {"type": "string"}}},
    },
    {"name": "read_file", "inputSchema": {**OBJECT, "properties": {"path": {"type": "string"}}}},
    {"name": "slow", "inputSchema": {**OBJECT, "properties": {"seconds": {"type": "number"}}}},
    {"name": "look", "description": "Says what it sees around it.", "inputSchema": OBJECT},
    {"name": "try_escape", "description": "Tries the walls.", "inputSchema": OBJECT},
]


def say(message):
    raw(json.dumps(message, ensure_ascii=False).encode() + b"\n")


def raw(data):
    with LOCK:
        OUT.write(data)
        OUT.flush()


def result(request, value):
    say({"jsonrpc": "2.0", "id": request["id"], "result": value})


def text_result(text, **more):
    return {"content": [{"type": "text", "text": text}], "resultType": "complete", **more}


def notify(method, **params):
    say({"jsonrpc": "2.0", "method": method, "params": params})


class Server:
    """Honest. Each mode replaces one behaviour."""

    modern = True

    def start(self):
        pass

    def tools(self):
        return TOOLS

    def list_tools(self, request):
        result(request, {"tools": self.tools(), "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})

    def call(self, request, name, arguments):
        result(request, text_result(run_tool(name, arguments)))

    def handle(self, request):
        method = request.get("method")
        params = request.get("params") or {}
        info = {"name": "hostile", "version": "1"}
        if method == "initialize":
            result(
                request,
                {"protocolVersion": LEGACY, "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info},
            )
        elif method == "server/discover" and self.modern:
            result(
                request,
                {
                    "supportedVersions": [MODERN],
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": info,
                    "resultType": "complete",
                    "ttlMs": 0,
                    "cacheScope": "private",
                },
            )
        elif method == "tools/list":
            self.list_tools(request)
        elif method == "tools/call":
            threading.Thread(
                target=self.call, args=(request, params.get("name"), params.get("arguments") or {}), daemon=True
            ).start()
        elif "id" in request and method is not None:
            say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no such method"}})

    def run(self):
        self.start()
        for line in sys.stdin.buffer:
            if line.strip():
                self.handle(json.loads(line))
        self.at_end()

    def at_end(self):
        pass


def run_tool(name, arguments):
    if name == "echo":
        return arguments.get("text", "")
    if name == "write_file":
        try:
            Path(arguments["path"]).write_text(arguments.get("text", ""))
        except OSError as error:
            return f"refused: {error.strerror}"
        return "written"
    if name == "read_file":
        try:
            return Path(arguments["path"]).read_text()
        except OSError as error:
            return f"refused: {error.strerror}"
    if name == "slow":
        time.sleep(float(arguments.get("seconds", 1)))
        return "done"
    if name == "look":
        return json.dumps(look())
    if name == "try_escape":
        return json.dumps(try_escape())
    return "no such tool"


def look():
    """What is around: environment, user, open descriptors, the first process's environment."""
    seen = {
        "env": dict(os.environ),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "cwd": str(Path.cwd()),
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "groups": os.getgroups(),
        "fds": sorted(int(path.name) for path in Path("/proc/self/fd").iterdir())[:-1],
    }
    try:
        seen["init_env"] = Path("/proc/1/environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        seen["init_env"] = ""
    return seen


def has_walls():
    """Whether this runs inside walls. What would harm a machine is never tried without them."""
    return socket.gethostname() == "sandbox" and "GATEHOST_LEASE" not in os.environ


def try_escape():
    """Attempt → True when it worked. Tries nothing where nothing confines it: there it would simply succeed."""
    import ctypes

    if not has_walls():
        return {}

    libc = ctypes.CDLL(None, use_errno=True)

    def connects(family, address):
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(1)
            sock.connect(address)

    def opens(path, mode):
        with Path(path).open(mode):
            pass

    def calls(*arguments):
        if libc.syscall(*arguments) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    attempts = {
        "tcp_public": lambda: connects(socket.AF_INET, ("192.0.2.1", 80)),
        "tcp_metadata": lambda: connects(socket.AF_INET, ("169.254.169.254", 80)),
        "resolve": lambda: socket.getaddrinfo("example.com", 80),
        "raw_socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
        "vsock": lambda: connects(40, (2, 1)),
        "engine_socket": lambda: connects(socket.AF_UNIX, "/var/run/docker.sock"),
        "write_root": lambda: opens("/escaped", "w"),
        "write_etc": lambda: opens("/etc/escaped", "w"),
        "write_passwd": lambda: opens("/etc/passwd", "a"),
        "write_usr": lambda: opens("/usr/escaped", "w"),
        "core_pattern": lambda: opens("/proc/sys/kernel/core_pattern", "w"),
        "sysrq": lambda: opens("/proc/sysrq-trigger", "w"),
        "kcore": lambda: opens("/proc/kcore", "rb"),
        "setuid": lambda: os.setuid(0) if os.getuid() else calls(-1),
        "chroot": lambda: os.chroot("/tmp"),
        "unshare_user": lambda: calls(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
        "ptrace_init": lambda: calls(101 if os.uname().machine == "x86_64" else 117, 16, 1, 0, 0),
        "io_uring": lambda: calls(425, 1, 0),
    }
    outcome = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            outcome[name] = True
        except OSError:
            outcome[name] = False
    return outcome


class Garbage(Server):
    """Prints only garbage and never answers."""

    def run(self):
        while True:
            raw(os.urandom(700).replace(b"\n", b"") + b"\nnot a message\n\n")
            time.sleep(0.01)


class GarbageBetween(Server):
    """Stray output between honest messages."""

    def start(self):
        raw(b'Welcome to the server!\n\n[1, 2]\n42\n{"log": "line"}\n')

    def call(self, request, name, arguments):
        raw(b"\xff\xfe rubbish\nDEBUG calling\n")
        super().call(request, name, arguments)


class HangAtStart(Server):
    """Reads, never answers."""

    def run(self):
        for _ in sys.stdin.buffer:
            pass
        time.sleep(3600)


class ExitAtStart(Server):
    """Says why on stderr, and leaves."""

    def run(self):
        sys.stderr.write("cannot find my configuration\n")
        sys.exit(3)


class DieInCall(Server):
    """Gone in the middle of a call."""

    def call(self, request, name, arguments):
        os._exit(9)


class HangInCall(Server):
    def call(self, request, name, arguments):
        time.sleep(3600)


class BytePerSecond(Server):
    """Answers a byte per second."""

    def call(self, request, name, arguments):
        for byte in json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": text_result("slow")}).encode():
            raw(bytes([byte]))
            time.sleep(1)


class MalformedTool(Server):
    """One good tool among broken ones."""

    def tools(self):
        return [
            *TOOLS,
            {"name": "no_schema"},
            {"name": "empty_schema", "inputSchema": {}},
            {"name": "bad_hint", "inputSchema": OBJECT, "annotations": {"readOnlyHint": "yes"}},
            {"name": "bad name\u202e", "inputSchema": OBJECT},
            {"name": "x" * 10000, "inputSchema": OBJECT},
            {"name": "number", "description": 7, "inputSchema": OBJECT},
            {"name": "twice", "inputSchema": OBJECT},
            {"name": "twice", "inputSchema": OBJECT, "description": "the other one"},
            "no object",
        ]


class LongLine(Server):
    """A line of 50 MB with the id in front."""

    size = 50 * 1024**2

    def call(self, request, name, arguments):
        block = b"x" * 65536
        with LOCK:
            raw(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"' % request["id"])
            for _ in range(self.size // len(block)):
                raw(block)
            raw(b'"}]}}\n')


class HugeResult(LongLine):
    """A result of 100 MB."""

    size = 100 * 1024**2


class LongLineIdLast(Server):
    """As other SDKs write it: the id at the very end."""

    def call(self, request, name, arguments):
        with LOCK:
            raw(b'{"result":{"content":[{"type":"text","text":"')
            for _ in range(50 * 16):
                raw(b"x" * 65536)
            raw(b'"}]},"jsonrpc":"2.0","id":%d}\n' % request["id"])


class DuplicateIds(Server):
    """Answers every call three times."""

    def call(self, request, name, arguments):
        for text in ("first", "second", "third"):
            result(request, text_result(text))


class WrongIds(Server):
    """Answers with the id as a text, and with ids that nobody asked, before the right one."""

    def call(self, request, name, arguments):
        say({"jsonrpc": "2.0", "id": str(request["id"]), "result": text_result("text id")})
        say({"jsonrpc": "2.0", "id": request["id"] + 1000, "result": text_result("unknown id")})
        result(request, text_result("right"))


class OnlyWrongId(Server):
    def call(self, request, name, arguments):
        say({"jsonrpc": "2.0", "id": str(request["id"]), "result": text_result("text id")})


class TwoOnALine(Server):
    def call(self, request, name, arguments):
        one = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": text_result("one")})
        raw((one + one + "\n").encode())


class ByteOrderMark(Server):
    """A mark before the first message, and blank lines."""

    def start(self):
        raw(b"\xef\xbb\xbf\n\r\n  \n")


class InvalidUtf8(Server):
    def call(self, request, name, arguments):
        raw(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\xff\xfe"}]}}\n' % request["id"])


class Answering(Server):
    """Answers a call with `text` as the value of `structuredContent`."""

    text = b"0"

    def call(self, request, name, arguments):
        raw(
            b'{"jsonrpc":"2.0","id":%d,"result":{"resultType":"complete","content":[],"structuredContent":{"v":%b}}}\n'
            % (request["id"], self.text)
        )


class DeepNesting(Answering):
    text = b"[" * 10000 + b"]" * 10000


class NotANumber(Answering):
    text = b"NaN"


class Infinite(Answering):
    text = b"1e999"


class HugeInteger(Answering):
    text = b"9007199254740993"


class Surrogate(Answering):
    text = b'"\\ud800"'


class DuplicateKeys(Answering):
    text = b'{"a":1,"a":2}'


class StderrFlood(Server):
    """More on stderr than anybody reads, all the time."""

    def start(self):
        def flood():
            while True:
                sys.stderr.buffer.write(b"noise " * 10000 + b"\n")

        threading.Thread(target=flood, daemon=True).start()


class NotificationFlood(Server):
    """100,000 notifications, and then an answer."""

    def call(self, request, name, arguments):
        line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}})
        block = (line + "\n").encode() * 1000
        for _ in range(100):
            raw(block)
        super().call(request, name, arguments)


class ForeignProgress(Server):
    """Progress for a token that nobody gave."""

    def call(self, request, name, arguments):
        for token in (424242, "1", None, request["id"] + 1):
            notify("notifications/progress", progressToken=token, progress=1)
        super().call(request, name, arguments)


class ListChangedStorm(Server):
    def call(self, request, name, arguments):
        for _ in range(1000):
            notify("notifications/tools/list_changed")
        super().call(request, name, arguments)


class AskBeforeHandshake(Server):
    """Asks for the host's roots and for a completion before anything was agreed."""

    def start(self):
        say({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})
        say({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {"messages": []}})


class IgnoreTerm(Server):
    """Leaves neither at the end of its input nor when asked to."""

    def start(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    def at_end(self):
        while True:
            time.sleep(3600)


class OrphanChild(Server):
    """Starts a child in a session of its own that holds the pipes and never ends."""

    def start(self):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)


class HostileSchema(Server):
    """An output schema whose pattern takes a backtracking engine forever, and a result to match."""

    def tools(self):
        pattern = {"type": "string", "pattern": "^(a+)+$"}
        return [{**TOOLS[0], "outputSchema": {**OBJECT, "properties": {"v": pattern}, "required": ["v"]}}]

    def call(self, request, name, arguments):
        result(request, text_result("x", structuredContent={"v": "a" * 40 + "!"}))


class MemoryHog(Server):
    def call(self, request, name, arguments):
        held = []
        while has_walls():
            held.append(bytearray(16 * 1024**2))


class Legacy(Server):
    """Honest, handshake era only."""

    modern = False


class StopAfterListing(Server):
    """Lists its tools and then reads nothing any more, without ending."""

    def list_tools(self, request):
        super().list_tools(request)
        time.sleep(3600)


class IdReuse(Server):
    """Answers each call rightly, and then answers every id that was ever used once more, with other words."""

    def __init__(self):
        self.ids = []

    def handle(self, request):
        if "id" in request:
            self.ids.append(request["id"])
        super().handle(request)

    def call(self, request, name, arguments):
        used = list(self.ids)
        with LOCK:
            for number in used[:-1]:
                say({"jsonrpc": "2.0", "id": number, "result": text_result("stolen")})
            result(request, text_result("right"))
            for number in used:
                say({"jsonrpc": "2.0", "id": number, "result": text_result("stolen")})


class AskWithOneId(Server):
    """After the handshake: many requests of its own under one id, and answers to none of ours in between."""

    def call(self, request, name, arguments):
        with LOCK:
            for _ in range(50):
                say({"jsonrpc": "2.0", "id": request["id"], "method": "roots/list"})
            result(request, text_result("right"))


class OldProtocol(Server):
    """Claims a protocol version that nobody speaks."""

    modern = False

    def handle(self, request):
        if request.get("method") == "initialize":
            info = {"name": "hostile", "version": "1"}
            result(request, {"protocolVersion": "1999-01-01", "capabilities": {"tools": {}}, "serverInfo": info})
        else:
            super().handle(request)


class Line200(LongLine):
    """A line of 200 MB."""

    size = 200 * 1024**2


class SchemaBombs(Server):
    """Schemas that a careless checker never finishes: a cycle, a doubling, a backtracking pattern, a far reference."""

    def tools(self):
        doubling = {"$defs": {"d0": {"type": "string"}}, **OBJECT}
        for number in range(1, 64):
            doubling["$defs"][f"d{number}"] = {"allOf": [{"$ref": f"#/$defs/d{number - 1}"}] * 2}
        doubling["properties"] = {"text": {"$ref": "#/$defs/d63"}}
        bombs = {
            "cycle": {**OBJECT, "$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"text": {"$ref": "#/$defs/a"}}},
            "doubling": doubling,
            "pattern": {**OBJECT, "properties": {"text": {"type": "string", "pattern": "^(a+)+$"}}},
            "far": {**OBJECT, "properties": {"text": {"$ref": "http://127.0.0.1:9/schema.json"}}},
        }
        return [*TOOLS, *({"name": name, "inputSchema": schema} for name, schema in bombs.items())]


MODES = {
    "honest": Server,
    "stop-after-listing": StopAfterListing,
    "id-reuse": IdReuse,
    "ask-with-one-id": AskWithOneId,
    "old-protocol": OldProtocol,
    "line-200-mb": Line200,
    "schema-bombs": SchemaBombs,
    "legacy": Legacy,
    "garbage": Garbage,
    "garbage-between": GarbageBetween,
    "hang-at-start": HangAtStart,
    "exit-at-start": ExitAtStart,
    "die-in-call": DieInCall,
    "hang-in-call": HangInCall,
    "byte-per-second": BytePerSecond,
    "malformed-tool": MalformedTool,
    "long-line": LongLine,
    "long-line-id-last": LongLineIdLast,
    "huge-result": HugeResult,
    "duplicate-ids": DuplicateIds,
    "wrong-ids": WrongIds,
    "only-wrong-id": OnlyWrongId,
    "two-on-a-line": TwoOnALine,
    "bom": ByteOrderMark,
    "invalid-utf8": InvalidUtf8,
    "deep-nesting": DeepNesting,
    "nan": NotANumber,
    "infinite": Infinite,
    "huge-integer": HugeInteger,
    "surrogate": Surrogate,
    "duplicate-keys": DuplicateKeys,
    "stderr-flood": StderrFlood,
    "notification-flood": NotificationFlood,
    "foreign-progress": ForeignProgress,
    "list-changed-storm": ListChangedStorm,
    "ask-before-handshake": AskBeforeHandshake,
    "ignore-term": IgnoreTerm,
    "orphan-child": OrphanChild,
    "hostile-schema": HostileSchema,
    "memory-hog": MemoryHog,
}


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in MODES:
        sys.exit(f"usage: server.py {'|'.join(MODES)} [--era=legacy]")
    chosen = MODES[sys.argv[1]]()
    if "--era=legacy" in sys.argv[2:]:
        chosen.modern = False
    chosen.run()
