"""A real HTTP server that speaks streaming Chat Completions, well or badly, as it is told.

Decides: what goes over the wire. Does not decide what a client should make of it.

    with ChatServer() as server:
        server.queue(proposes(Proposed("git__git_log", {"max_count": 3})), says("Done."))
        … base_url = server.base_url, key = server.key, model = server.model …
        server.bodies[0]["messages"]

Replies are played in order; the last one is repeated with `ChatServer(repeat=True)`. A wrong key (401), an unknown
model (404) and an overflow of `window` characters (400) are answered before any reply is taken.
"""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "wire-test-key-31337"
MODEL = "wire-model"
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


class Cut:
    """A step of a reply: break the connection here, without an end."""


class Hold:
    """A step of a reply: say nothing until the client leaves or the server stops."""


Step = bytes | Cut | Hold


@dataclass(frozen=True)
class Reply:
    """One answer. `steps` makes its body anew for each request."""

    steps: Callable[[], Iterator[Step]]
    status: int = 200
    media_type: str | None = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposed:
    """A call that the model of a reply makes; `written` is the raw text of its arguments instead of `arguments`."""

    name: str
    arguments: Mapping[str, Any] | None = None
    provider_id: str | None = None
    written: str | None = None

    @property
    def text(self) -> str:
        return self.written if self.written is not None else json.dumps(self.arguments or {}, ensure_ascii=False)


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: Any


def event(data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": f"{MODEL}-2026"}
    return event({**base, "choices": choices, **fields})


DONE = event("[DONE]")


def reply(*steps: Step, **options: Any) -> Reply:
    return Reply(lambda: iter(steps), **options)


def says(text: str, *, finish: str = "stop", usage: Any = USAGE, pieces: int = 3) -> Reply:
    """Text alone, in about `pieces` deltas."""
    return proposes(text=text, finish=finish, usage=usage, pieces=pieces)


def proposes(
    *calls: Proposed,
    text: str = "",
    finish: str | None = None,
    usage: Any = USAGE,
    interleaved: bool = False,
    pieces: int = 3,
) -> Reply:
    """Text, then calls whose arguments come in pieces, keyed by index; `interleaved` mixes the calls' pieces."""
    finish = finish or ("tool_calls" if calls else "stop")
    size = max(-(-len(text) // pieces), 1)
    steps = [chunk({"role": "assistant", "content": ""})]
    steps += [chunk({"content": text[start : start + size]}) for start in range(0, len(text), size)]
    rows = [_call_deltas(index, call) for index, call in enumerate(calls)]
    if interleaved:
        longest = max(map(len, rows), default=0)
        deltas = [row[turn] for turn in range(longest) for row in rows if turn < len(row)]
    else:
        deltas = [delta for row in rows for delta in row]
    steps += [chunk({"tool_calls": [delta]}) for delta in deltas]
    steps.append(chunk({}, finish))
    if usage is not None:
        steps.append(chunk(None, usage=usage))
    return reply(*steps, DONE)


def _call_deltas(index: int, call: Proposed) -> list[dict[str, Any]]:
    provider_id = call.provider_id if call.provider_id is not None else f"call_{index}"
    first = {"index": index, "id": provider_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    size = max(-(-len(call.text) // 3), 1)
    pieces = [call.text[start : start + size] for start in range(0, len(call.text), size)]
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]


def refuses(
    status: int, message: str = "no", *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error as the API writes it."""
    body = {"error": {"message": message, "type": "error", "code": code}}
    return reply(json.dumps(body).encode(), status=status, media_type="application/json", headers=headers or {})


def rate_limited(**headers: str) -> Reply:
    return refuses(429, "slow down", code="rate_limit_exceeded", headers=headers)


def out_of_quota() -> Reply:
    return refuses(429, "you have no credit", code="insufficient_quota", headers={"retry-after": "1"})


def page_of_html(status: int = 200) -> Reply:
    return reply(b"<!DOCTYPE html><html><body>Welcome</body></html>", status=status, media_type="text/html")


def error_inside_200(message: str = "model crashed", code: Any = "bad_thing") -> Reply:
    return reply(json.dumps({"error": {"message": message, "code": code}}).encode(), media_type="application/json")


def error_inside_stream(code: Any = "bad_thing", *, after: str = "") -> Reply:
    before = [chunk({"content": after})] if after else []
    return reply(*before, event({"error": {"message": "model crashed", "code": code}}), Cut())


def cut_before_anything() -> Reply:
    return reply(Cut())


def cut_in_the_text(text: str = "The answer is") -> Reply:
    return reply(chunk({"role": "assistant", "content": ""}), chunk({"content": text}), Cut())


def cut_in_a_call(call: Proposed, *, text: str = "") -> Reply:
    """The first delta and part of the arguments, then nothing."""
    before = [chunk({"content": text})] if text else []
    return reply(*before, *(chunk({"tool_calls": [delta]}) for delta in _call_deltas(0, call)[:2]), Cut())


def whole_call_without_an_end(call: Proposed) -> Reply:
    """All of a call, but the stream ends (properly, for HTTP) without saying that the answer did."""
    return reply(*(chunk({"tool_calls": [delta]}) for delta in _call_deltas(0, call)))


def byte_by_byte(text: str) -> Reply:
    """A good answer whose bytes come one at a time."""
    whole = b"".join(step for step in says(text).steps() if isinstance(step, bytes))
    return reply(*(whole[place : place + 1] for place in range(len(whole))))


def never_ends() -> Reply:
    """Text for ever."""

    def steps() -> Iterator[Step]:
        while True:
            yield chunk({"content": "and so on, "})

    return Reply(steps)


def only_alive() -> Reply:
    """Comments that keep the connection alive, for ever, and no answer."""

    def steps() -> Iterator[Step]:
        while True:
            yield b": still here\n\n"

    return Reply(steps)


def hundred_megabytes(*, one_line: bool) -> Reply:
    """100 MB of text, as one event or as many."""

    def steps() -> Iterator[Step]:
        block = b"x" * 1_000_000
        if one_line:
            yield b'data: {"choices":[{"index":0,"delta":{"content":"'
            for _ in range(100):
                yield block
            yield b'"}}]}\n\n'
        else:
            for _ in range(100):
                yield b'data: {"choices":[{"index":0,"delta":{"content":"' + block + b'"}}]}\n\n'
        yield chunk({}, "stop")
        yield DONE

    return Reply(steps)


class ChatServer:
    """Listens on a free port of the loopback while it is entered.

    Attributes:
        received: Requests in order, with parsed bodies.
        left_early: Set once a client went away before the end of a reply.
    """

    def __init__(
        self,
        *replies: Reply,
        key: str | None = KEY,
        model: str = MODEL,
        window: int | None = None,
        repeat: bool = False,
    ) -> None:
        self.key = key
        self.model = model
        self.received: list[Received] = []
        self.connections = 0
        self.left_early = threading.Event()
        self._window = window
        self._repeat = repeat
        self._replies = list(replies)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)

    def __enter__(self) -> "ChatServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._http.shutdown()
        with self._lock:
            for connection in self._open:
                _abandon(connection)
        self._http.server_close()  # waits for the threads of the connections
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.received]

    def queue(self, *replies: Reply) -> None:
        with self._lock:
            self._replies.extend(replies)

    def _answer(self, request: Received) -> Reply:
        with self._lock:
            self.received.append(request)
            if request.path != "/v1/chat/completions":
                return refuses(404, f"Unknown request URL: POST {request.path}", code="unknown_url")
            if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
                return refuses(401, "Incorrect API key provided", code="invalid_api_key")
            if request.body.get("model") != self.model:
                return refuses(404, "The model does not exist", code="model_not_found")
            if self._window is not None and len(json.dumps(request.body["messages"])) > self._window:
                return refuses(400, f"maximum context length is {self._window}", code="context_length_exceeded")
            if not self._replies:
                return refuses(400, "the test queued no reply for this request")
            return self._replies[0] if self._repeat and len(self._replies) == 1 else self._replies.pop(0)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64


def _abandon(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small piece waits 40 ms for an acknowledgement

        def setup(self) -> None:
            super().setup()
            with server._lock:
                server.connections += 1
                server._open.add(self.connection)

        def finish(self) -> None:
            with server._lock:
                server._open.discard(self.connection)
            try:
                super().finish()
            except OSError:
                server.left_early.set()

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                server.left_early.set()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server._answer(Received(self.path, headers, json.loads(raw)))
            self.send_response(answer.status)
            if answer.media_type is not None:
                self.send_header("Content-Type", answer.media_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for step in answer.steps():
                if server._stopping.is_set() or not self._play(step):
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")

        def _play(self, step: Step) -> bool:
            if isinstance(step, Cut):
                return False
            if isinstance(step, Hold):
                self._wait_for_the_client_to_leave()
                return False
            self.wfile.write(f"{len(step):x}\r\n".encode() + step + b"\r\n")
            return True

        def _wait_for_the_client_to_leave(self) -> None:
            while not server._stopping.is_set():
                if select.select([self.connection], [], [], 0.02)[0]:
                    if not self.connection.recv(1, socket.MSG_PEEK):
                        server.left_early.set()
                    return

        def log_message(self, *_: object) -> None:
            """Tests read `received` instead."""

    return Handler
