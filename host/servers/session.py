"""One MCP server of a run: its owner task, its protocol session, its pins, its calls.

Decides: when a server counts as started, alive, changed or failed, and how the SDK's ways of failing
become one clear `ServerError`. Does not decide whether a call may be made (`tool_gateway`) nor what
stands around the server (`sandboxes`).

The SDK's contexts must be left by the task that entered them, so one task owns the server from start
to end; calls come from other tasks and only use the open session.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    PaginatedRequestParams,
    RequestParamsMeta,
    ToolListChangedNotification,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError

from context.calls import ToolDefinition
from context.errors import GatehostError, ServerError
from context.events import EventType
from context.json_values import JsonObject
from context.visible_text import escape_line
from host.version import VERSION
from sandboxes.interface import Evidence, Mount, OpenSandbox, WireCounts
from tool_gateway.interface import Health, KnownTool, PinState, RawResult, ServerState
from tool_gateway.pins import tool_digest

logger = logging.getLogger(__name__)

Notify = Callable[[EventType, JsonObject], None]
ProgressCallback = Callable[[float, float | None, str | None], Awaitable[None]]

_PAGES = 100
_TOOLS = 5000
_ALIVE_TIMEOUT = 5.0
_SILENT_SECONDS = 15.0
_LAST_WORDS = 1.0
_TELL_SECONDS = 1.0
_CLOCK_SLACK = 0.001


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Everything needed to start one server and to judge what it then says of itself.

    Attributes:
        launch: Opens the sandbox with the server in it.
        prepare: Fetches and checks what `launch` needs; bounded by its own clients, not by `start_timeout`.
        tools: The listed and pinned tools.
        era: `2026-07-28`, a handshake version, or None when it is not known yet.
        start_timeout: Seconds from launch until its tools are listed.
        unpinned: Why no tool of this server may be called (never accepted, configuration changed), or empty.
        key: Digest of all that makes two plans of this server alike, for a host that keeps servers between runs.
        stateless, pool, idle: As declared (`sandboxes.settings.WallSettings`); of no meaning to a single run.
    """

    name: str
    launch: Callable[[], AbstractAsyncContextManager[OpenSandbox]]
    tools: Mapping[str, KnownTool]
    era: str | None = None
    mounts: tuple[Mount, ...] = ()
    start_timeout: float = 30.0
    unpinned: str = ""
    key: str = ""
    stateless: bool = False
    pool: int = 0
    idle: float = 600.0
    prepare: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint


@dataclass(slots=True)
class Listing:
    """What a running server says it offers."""

    tools: dict[str, ToolDefinition] = field(default_factory=dict[str, ToolDefinition])
    dropped: dict[str, str] = field(default_factory=dict[str, str])
    protocol: str = ""
    instructions: str = ""


class ServerSession:
    """See the module. `own` runs in a task group of the pool; everything else may be called from any task."""

    def __init__(self, plan: ServerPlan, *, notify: Notify) -> None:
        self.plan = plan
        self.listing = Listing()
        self._notify = notify
        self._state: ServerState = "starting"
        self._detail = ""
        self._pins: dict[str, PinState] = {}
        self._relisting = False
        self._changed = anyio.Event()
        self._relisted = anyio.Event()
        self._settled = anyio.Event()
        self._over = anyio.Event()
        self._ended = anyio.Event()
        self._client: Client | None = None
        self._opened: OpenSandbox | None = None
        self._heard = 0.0
        self._told = 0

    @property
    def state(self) -> ServerState:
        return self._state

    @property
    def detail(self) -> str:
        return self._detail

    @property
    def evidence(self) -> Evidence | None:
        return self._opened.evidence if self._opened else None

    @property
    def stderr(self) -> str:
        return self._opened.stderr_tail() if self._opened else ""

    @property
    def skipped_lines(self) -> int:
        return self.counts.skipped_lines

    @property
    def counts(self) -> WireCounts:
        """What the decoder met and kept from us so far."""
        return self._opened.counts if self._opened else WireCounts()

    async def settled(self) -> None:
        """Wait until the server is ready or has failed, and its newest list was read; its start timeout bounds this."""
        if not self._settled.is_set():  # else waiting would still cost every call a turn of the event loop
            await self._settled.wait()
        if self._relisting:
            with anyio.move_on_after(self.plan.start_timeout):
                while self._relisting and self._state == "ready":
                    await self._relisted.wait()

    def stop(self) -> None:
        """Ask the owner task to end. Idempotent."""
        self._over.set()

    async def ended(self) -> None:
        """Wait until the owner task has ended, and nothing of the server is left."""
        await self._ended.wait()

    async def make_sure(self) -> None:
        """Before a call after a long silence: does the server still answer? Else it fails, and goes with its sandbox.

        MCP has a ping in its handshake era only; later servers are judged by their process, which is watched anyway.
        """
        client = self._client
        if client is None or self._state != "ready" or anyio.current_time() - self._heard < _SILENT_SECONDS:
            return
        if client.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return
        try:
            with anyio.fail_after(_ALIVE_TIMEOUT):
                await client.session.send_ping()
        except (TimeoutError, ValidationError):
            self._hangs()
        except MCPError as error:
            # Any error of its own shows that it lives.
            if error.error.code == CONNECTION_CLOSED and self._is_closed():
                self._hangs()
        self._heard = anyio.current_time()

    async def own(self) -> None:
        """Start the server, keep it, and leave nothing of it. Never raises for a fault of the server."""
        try:
            # Fetching a package for the first time may take minutes; that is no slow start of the server.
            await self.plan.prepare()
            with anyio.CancelScope(deadline=anyio.current_time() + self.plan.start_timeout) as start:
                async with self.plan.launch() as opened:
                    self._opened = opened
                    self._say_walls(opened.evidence)
                    async with self._connected(opened) as client:
                        self._client = client
                        await self._list(client)
                        start.deadline = float("inf")
                        self._heard = anyio.current_time()
                        self._become("ready")
                        await self._until_over(client, opened)
            if start.cancelled_caught:
                self._become("failed", self._silence())
        except* Exception as group:
            self._become("failed", self._plainly(_first(group)))
        finally:
            self._client = None
            try:
                if self._state in {"starting", "ready"}:
                    self._become("stopped")
                self.tell_wire()
            finally:  # also when nothing can be told any more: nobody may wait for ever
                self._settled.set()
                self._relisted.set()
                self._ended.set()

    def tell_wire(self) -> None:
        """Tell what the server asked of us, and which of its messages were dropped; nothing when that was told."""
        news = self._wire_news()
        if news:
            self._notify("server.state", {"server": self.plan.name, "state": self._state, **news})

    def health(self, tool: str) -> Health:
        """How this server and its `tool` stand now."""
        if self.plan.unpinned:
            return Health("ready", "unpinned", self.plan.unpinned)
        differences = self.evidence.differences if self.evidence else ()
        if self._state != "ready":
            return Health(self._state, "pinned", self._detail, differences)
        pin = "relisting" if self._relisting else self._pins.get(tool, "vanished")
        return Health("ready", pin, "", differences)

    async def call(
        self,
        tool: str,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: ProgressCallback | None,
    ) -> RawResult:
        """Send one request. Raises: ServerError, with `sent` telling whether it had left."""
        client = self._client
        if client is None or self._state != "ready":
            raise ServerError(self._detail or "the server is not running", where=f"server {self.plan.name}")
        where = f"server {self.plan.name}, tool {tool}"
        if self._relisting:
            # Said since the gates looked: what would be called now is not what they judged.
            raise ServerError("the server's tools changed, and they were not read again yet", where=where)
        began = anyio.current_time()
        try:
            result: CallToolResult | InputRequiredResult = await client.session.call_tool(
                tool,
                cast("dict[str, Any]", arguments),
                timeout,
                _as_progress(on_progress),
                meta=cast("RequestParamsMeta", meta),
                allow_input_required=True,
            )
        except MCPError as error:
            # The SDK tells its own verdicts by two codes that any server may answer with too (-32000, -32001). They are
            # believed only where they are true: else a server's word would put a call in doubt, and be lost.
            if error.error.code == REQUEST_TIMEOUT and anyio.current_time() - began >= timeout - _CLOCK_SLACK:
                await self._make_sure_it_lives(client)
                raise ServerError(
                    f"no answer within {timeout:g} s",
                    where=where,
                    next_step="Raise limits.call_timeout in mcp_servers.toml if the tool needs longer",
                    sent=True,
                ) from error
            if error.error.code == CONNECTION_CLOSED and self._is_closed():
                raise ServerError(await self._last_words(), where=where, sent=True) from error
            self._heard = anyio.current_time()
            # As it was said: results are escaped, redacted and capped in one place (`tool_gateway.results`).
            return RawResult(content=[{"type": "text", "text": error.error.message}], is_error=True)
        except (ValidationError, RuntimeError) as error:
            raise ServerError(
                f"the server's answer breaks the protocol: {escape_line(str(error), 300)}", where=where, sent=True
            ) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise ServerError(await self._last_words(), where=where, sent=True) from error
        self._heard = anyio.current_time()
        dumped = cast("JsonObject", result.model_dump(by_alias=True, mode="json", exclude_none=True))
        if isinstance(result, InputRequiredResult):
            return RawResult(content=[], input_required=dumped)
        structured = dumped.get("structuredContent")
        return RawResult(
            content=cast("list[JsonObject]", dumped.get("content", [])),
            structured=structured,
            has_structured="structuredContent" in dumped,
            is_error=result.is_error,
        )

    @asynccontextmanager
    async def _connected(self, opened: OpenSandbox) -> AsyncGenerator[Client, None]:
        async def on_message(message: IncomingMessage) -> None:
            if isinstance(message, ToolListChangedNotification):
                self._mark_changed()

        @asynccontextmanager
        async def transport() -> AsyncGenerator[object, None]:
            yield opened.read, opened.write

        # No callback for sampling, elicitation or roots: registering one would declare the capability.
        client = Client(
            transport(),  # type: ignore[arg-type]
            mode="legacy" if self.plan.era in HANDSHAKE_PROTOCOL_VERSIONS else "auto",
            message_handler=on_message,
            client_info=Implementation(name="gatehost", version=VERSION),
            cache=None,
        )
        async with client:
            yield client

    async def _list(self, client: Client) -> None:
        """Read the whole tool list and compare it with the lock."""
        assert self._opened is not None
        found: dict[str, ToolDefinition] = {}
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            for tool in page.tools:
                found[tool.name] = _definition(tool.model_dump(by_alias=True, mode="json", exclude_none=True))
            cursor = page.next_cursor
            if cursor is None or len(found) > _TOOLS:
                break
        schemas = self._opened.output_schemas
        found = {name: _with_output(tool, schemas.get(name)) for name, tool in found.items()}
        self.listing = Listing(
            tools=found,
            dropped=dict(self._opened.counts.dropped_tools),
            protocol=client.protocol_version,
            instructions=client.instructions or "",
        )
        before = self._pins
        self._pins = {name: _pin_state(tool, found.get(name)) for name, tool in self.plan.tools.items()}
        for name, state in self._pins.items():
            if state != "pinned" and before.get(name) != state:
                self._notify("pin.changed", {"server": self.plan.name, "tool": name, "pin": state})

    async def _until_over(self, client: Client, opened: OpenSandbox) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_exit, opened)
            group.start_soon(self._watch_changes, client)
            group.start_soon(self._relist, client)
            group.start_soon(self._tell_on)
            await self._over.wait()
            group.cancel_scope.cancel()

    async def _watch_exit(self, opened: OpenSandbox) -> None:
        how = await opened.exited()
        self._become("failed", f"the server {how}{self._stderr_hint()}")
        self._over.set()

    async def _tell_on(self) -> None:
        """A flood costs one event a second."""
        while True:
            await anyio.sleep(_TELL_SECONDS)
            self.tell_wire()

    async def _watch_changes(self, client: Client) -> None:
        """2026-era servers tell changes on a subscription; older ones by notification (`on_message`)."""
        capabilities = client.server_capabilities
        if capabilities.tools is None or not capabilities.tools.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    self._mark_changed()
        except (ListenNotSupportedError, SubscriptionLost, MCPError, TimeoutError):
            return

    def _mark_changed(self) -> None:
        if not self._relisting:
            self._relisted = anyio.Event()
        self._relisting = True
        self._changed.set()

    async def _relist(self, client: Client) -> None:
        """Read the list again after a change. However many changes came meanwhile, one reading serves them all."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            try:
                with anyio.fail_after(self.plan.start_timeout):
                    await self._list(client)
            except (MCPError, ValidationError, TimeoutError) as error:
                self._become("failed", f"its changed tool list could not be read: {escape_line(str(error), 300)}")
                self._over.set()
                return
            self._relisting = self._changed.is_set()
            if not self._relisting:
                self._relisted.set()

    async def _make_sure_it_lives(self, client: Client) -> None:
        """After a missed deadline: a server that does not even list its tools hangs, and goes with its sandbox."""
        try:
            with anyio.fail_after(_ALIVE_TIMEOUT):
                await client.session.list_tools(params=None)
        except (MCPError, TimeoutError, ValidationError):
            self._hangs()

    def _hangs(self) -> None:
        self._become("failed", "the server hangs: it answers no request any more, so its sandbox was removed")
        self._over.set()

    def _is_closed(self) -> bool:
        """Whether the connection is over. One that cannot tell counts as over: then a call that left is in doubt."""
        opened = self._opened
        if opened is None or self._state != "ready" or self._over.is_set():
            return True
        read, write = opened.read, opened.write
        if not isinstance(read, MemoryObjectReceiveStream) or not isinstance(write, MemoryObjectSendStream):
            return True
        ends = (read.statistics(), write.statistics())
        return any(end.open_send_streams == 0 or end.open_receive_streams == 0 for end in ends)

    async def _last_words(self) -> str:
        """Why the connection ended; the process's end may be known a moment later than the pipe's."""
        with anyio.move_on_after(_LAST_WORDS):
            await self._over.wait()
        return self._detail or "the server closed its connection"

    def _become(self, state: ServerState, detail: str = "") -> None:
        if self._state in {"failed", "stopped"}:
            return
        self._state = state
        self._detail = detail
        data: JsonObject = {"server": self.plan.name, "state": state}
        if detail:
            data["detail"] = detail
        if state == "ready":
            data |= {"protocol": self.listing.protocol, "tools": len(self.listing.tools)}
            era = self.plan.era
            if era is not None and self.listing.protocol < era:  # dates: an older one than it was accepted with
                data["accepted_protocol"] = era
            if self.listing.dropped:
                data["dropped_tools"] = {escape_line(k, 128): v for k, v in self.listing.dropped.items()}
        self._notify("server.state", data | self._wire_news())
        self._settled.set()

    def _wire_news(self) -> JsonObject:
        """What was asked and dropped in this session so far, when that is more than was told before."""
        counts = self.counts
        sum_of_all = counts.dropped_messages + sum(counts.asked.values())
        if sum_of_all == self._told:
            return {}
        self._told = sum_of_all
        news: JsonObject = {}
        if counts.asked:
            news["asked"] = dict(counts.asked)
        if counts.dropped:
            news |= {"dropped_messages": dict(counts.dropped), "last_dropped": counts.last_dropped}
        return news

    def _say_walls(self, evidence: Evidence) -> None:
        self._notify("sandbox.state", {"server": self.plan.name, **evidence.as_json()})

    def _silence(self) -> str:
        text = f"did not start within {self.plan.start_timeout:g} s (limits.start_timeout)"
        if self.skipped_lines:
            text += f"; it printed {self.skipped_lines} lines that are no MCP message"
        return text + self._stderr_hint()

    def _plainly(self, error: BaseException) -> str:
        if isinstance(error, GatehostError):
            return error.sentence()
        if isinstance(error, MCPError | anyio.ClosedResourceError | anyio.BrokenResourceError | OSError):
            text = escape_line(str(error), 300) or type(error).__name__
            return f"could not be connected: {text}{self._stderr_hint()}"
        if isinstance(error, ValidationError):
            return f"broke the protocol while starting: {escape_line(str(error), 300)}{self._stderr_hint()}"
        logger.error("server %s failed", self.plan.name, exc_info=error)
        return f"failed: {type(error).__name__}: {escape_line(str(error), 300)}{self._stderr_hint()}"

    def _stderr_hint(self) -> str:
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return f"; its last words: {escape_line(lines[-1], 300)}" if lines else ""


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first leaf: the SDK nests one fault in several groups."""
    first = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", first)) if isinstance(first, BaseExceptionGroup) else first


def _as_progress(callback: ProgressCallback | None) -> ProgressFnT | None:
    if callback is None:
        return None

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        await callback(progress, total, message)

    return on_progress


def _definition(tool: Mapping[str, object]) -> ToolDefinition:
    return ToolDefinition(
        name=cast("str", tool["name"]),
        description=cast("str", tool.get("description", "")),
        input_schema=cast("JsonObject", tool.get("inputSchema", {})),
        annotations=cast("JsonObject | None", tool.get("annotations")),
        title=cast("str | None", tool.get("title")),
    )


def _with_output(tool: ToolDefinition, schema: JsonObject | None) -> ToolDefinition:
    if schema is None:
        return tool
    return ToolDefinition(tool.name, tool.description, tool.input_schema, schema, tool.annotations, tool.title)


def _pin_state(pinned: KnownTool, live: ToolDefinition | None) -> PinState:
    if not pinned.pin:
        return "unpinned"  # declared after the server was reviewed
    if live is None:
        return "vanished"
    return "pinned" if tool_digest(live) == pinned.pin else "changed"
