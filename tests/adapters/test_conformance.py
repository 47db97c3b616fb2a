"""What every model adapter does, whichever API it speaks. A new kind is tested by existing; it needs a fixture here."""

import copy
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from adapters import registry
from adapters.interface import (
    AdapterKind,
    CallReady,
    Completed,
    ModelAdapter,
    ModelEvent,
    ModelSettings,
    OfferedTool,
    TextDelta,
    View,
)
from context.calls import ToolDefinition
from context.errors import ConfigError
from context.messages import Image, Message, Part, Role, Text, ToolCall, ToolResult
from tests.fakes.models import FakeModel, proposed, proposes, says
from tests.wire import openai_chat_server as wire

IMAGE = Image("image/png", "iVBORw0KGgo=")
LOG = OfferedTool(
    "git__git_log",
    ToolDefinition("git_log", "Shows the log", {"type": "object", "properties": {"path": {"type": "string"}}}),
)


@dataclass(frozen=True)
class Turn:
    """What the model behind an adapter says, in no API's dialect."""

    text: str = ""
    calls: tuple[wire.Proposed, ...] = ()


@dataclass
class Behind:
    """An adapter of some kind, and the model behind it that plays the given turns."""

    kind: AdapterKind
    settings: ModelSettings
    made: list[ModelAdapter] = field(default_factory=list)

    def make(self) -> ModelAdapter:
        self.made.append(self.kind.make(self.settings))
        return self.made[-1]


@contextmanager
def _scripted(kind: AdapterKind, turns: Sequence[Turn], folder: Path) -> Any:
    lines: list[str] = []
    for turn in turns:
        lines += ["[[turns]]", f"text = {_toml(turn.text)}"]
        for call in turn.calls:
            lines += ["[[turns.calls]]", f"tool = {_toml(call.name)}"]
            if call.provider_id is not None:
                lines.append(f"provider_id = {_toml(call.provider_id)}")
            if call.written is not None:
                lines.append(f"malformed = {_toml(call.written)}" if call.written else "arguments = {}")
            else:
                lines.append(f"arguments = {_toml(dict(call.arguments or {}))}")
    script = folder / "script.toml"
    script.write_text("\n".join(lines), encoding="utf-8")
    yield Behind(kind, ModelSettings(name="m", adapter=kind.name, model=str(script)))


@contextmanager
def _openai_chat(kind: AdapterKind, turns: Sequence[Turn], folder: Path) -> Any:
    with wire.ChatServer(*(wire.proposes(*turn.calls, text=turn.text) for turn in turns)) as server:
        yield Behind(
            kind,
            ModelSettings(
                name="m", adapter=kind.name, model=server.model, base_url=server.base_url, key=server.key, retries=0
            ),
        )


FIXTURES: dict[str, Callable[[AdapterKind, Sequence[Turn], Path], AbstractContextManager[Behind]]] = {
    "scripted": _scripted,
    "openai_chat": _openai_chat,
}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


Begin = Callable[..., Behind]


@pytest.fixture(params=sorted(registry.kinds()))
async def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """`behind(Turn(…), …)` gives an adapter of each kind, with a model behind it that plays these turns."""
    kind = registry.get(request.param)
    with ExitStack() as opened:
        found: list[Behind] = []

        def begin(*turns: Turn) -> Behind:
            found.append(opened.enter_context(FIXTURES[kind.name](kind, turns, tmp_path)))
            return found[-1]

        yield begin
        for one in found:
            for adapter in one.made:
                await adapter.aclose()


def message(role: Role, *parts: Part) -> Message:
    return Message(f"msg_{id(parts)}", role, parts)


def asks(text: str = "What changed?", **fields: Any) -> View:
    return View(messages=(message("user", Text(text)),), tools=(LOG,), tool_names={"git.git_log": LOG.name}, **fields)


async def heard(adapter: ModelAdapter, view: View | None = None) -> list[ModelEvent]:
    with anyio.fail_after(10):
        async with aclosing(adapter.stream(view or asks())) as events:
            return [event async for event in events]


def text_of(events: Sequence[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def calls_of(events: Sequence[ModelEvent]) -> list[CallReady]:
    return [event for event in events if isinstance(event, CallReady)]


def end_of(events: Sequence[ModelEvent]) -> Completed:
    assert isinstance(events[-1], Completed)
    return events[-1]


def test_every_registered_kind_has_a_fixture_here():
    assert set(registry.kinds()) == set(FIXTURES)


def test_a_kind_is_named_like_its_file():
    folder = Path(registry.__file__).parent
    assert all((folder / f"{name}.py").is_file() and kind.name == name for name, kind in registry.kinds().items())


def test_listing_the_kinds_imports_neither_mcp_nor_docker_nor_an_http_client():
    heavy = {"mcp", "docker", "httpx", "sandboxes"}
    probe = f"import sys, adapters.registry as r; r.kinds(); print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == ""


def test_getting_one_kind_imports_no_other():
    probe = "import sys, adapters.registry as r; r.get('scripted'); print('adapters.openai_chat' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("asked", "near"), [("openai-chat", "'openai_chat'"), ("script", "'scripted'"), ("openai", "'openai_chat'")]
)
def test_an_unknown_kind_is_refused_with_the_nearest_one(asked: str, near: str):
    with pytest.raises(ConfigError, match="not available in this version") as caught:
        registry.get(asked, where="gatehost.toml: models.small.adapter")
    assert f"Did you mean {near}?" in str(caught.value)
    assert caught.value.where == "gatehost.toml: models.small.adapter"


@pytest.mark.parametrize("name", ["sse", "registry", "interface", "os", "", "../host", "adapters.scripted", "\x1b[2J"])
def test_a_module_that_is_no_kind_is_never_one(name: str):
    with pytest.raises(ConfigError, match="There are: openai_chat, scripted") as caught:
        registry.get(name)
    assert "\x1b" not in str(caught.value)


async def test_text_arrives_in_deltas_that_join_to_it(behind: Begin):
    events = await heard(behind(Turn("Two files changed: ä, 漢字 and 🎈.")).make())
    assert text_of(events) == "Two files changed: ä, 漢字 and 🎈."
    assert sum(isinstance(event, TextDelta) for event in events) > 1


async def test_text_alone_ends_the_turn(behind: Begin):
    assert end_of(await heard(behind(Turn("Done.")).make())).stop == "end"


async def test_the_end_is_said_once_and_last(behind: Begin):
    events = await heard(behind(Turn("Look.", (wire.Proposed(LOG.name, {}),))).make())
    assert [isinstance(event, Completed) for event in events].index(True) == len(events) - 1


async def test_a_call_arrives_whole_and_stops_the_turn(behind: Begin):
    events = await heard(behind(Turn(calls=(wire.Proposed(LOG.name, {"path": "/repo", "n": 3}, "call_a"),))).make())
    assert calls_of(events) == [CallReady("call_a", "git__git_log", {"path": "/repo", "n": 3})]
    assert end_of(events).stop == "calls"


async def test_parallel_calls_keep_the_models_order(behind: Begin):
    turn = Turn(calls=tuple(wire.Proposed(f"tool_{n}", {"n": n}, f"id_{n}") for n in range(5)))
    found = calls_of(await heard(behind(turn).make()))
    assert [(call.name, call.arguments) for call in found] == [(f"tool_{n}", {"n": n}) for n in range(5)]


async def test_text_comes_before_the_calls_of_its_turn(behind: Begin):
    events = await heard(behind(Turn("I look first.", (wire.Proposed(LOG.name, {}),))).make())
    kinds = [type(event) for event in events]
    assert kinds.index(CallReady) > max(place for place, kind in enumerate(kinds) if kind is TextDelta)


@pytest.mark.parametrize("written", ['{"path": "/re', "not json", "[1, 2]", '"text"', "null", '{"a": 1} {"b": 2}'])
async def test_broken_arguments_are_handed_on_raw_and_never_repaired(behind: Begin, written: str):
    events = await heard(behind(Turn(calls=(wire.Proposed(LOG.name, written=written),))).make())
    [call] = calls_of(events)
    assert (call.arguments, call.malformed) == (None, written)


async def test_no_arguments_at_all_are_an_empty_object(behind: Begin):
    [call] = calls_of(await heard(behind(Turn(calls=(wire.Proposed(LOG.name, written=""),))).make()))
    assert (call.arguments, call.malformed) == ({}, None)


async def test_nested_arguments_arrive_as_they_were_written(behind: Begin):
    arguments = {"files": [{"path": "ä/漢字/🎈", "lines": [1, 2.5, -3], "deep": {"ok": True, "quote": '"\\'}}]}
    [call] = calls_of(await heard(behind(Turn(calls=(wire.Proposed(LOG.name, arguments),))).make()))
    assert call.arguments == arguments


async def test_ids_that_a_model_repeats_are_passed_on(behind: Begin):
    calls = (wire.Proposed("a", {}, "same"), wire.Proposed("b", {}, "same"))
    found = calls_of(await heard(behind(Turn(calls=calls)).make()))
    assert [call.provider_id for call in found] == ["same", "same"]


async def test_an_empty_id_is_passed_on(behind: Begin):
    [call] = calls_of(await heard(behind(Turn(calls=(wire.Proposed("a", {}, ""),))).make()))
    assert call.provider_id == ""


async def test_an_invented_tool_name_is_passed_on_as_it_is(behind: Begin):
    [call] = calls_of(await heard(behind(Turn(calls=(wire.Proposed("shell.exec ü", {}),))).make()))
    assert call.name == "shell.exec ü"


async def test_an_empty_answer_is_an_answer(behind: Begin):
    events = await heard(behind(Turn("")).make())
    assert [type(event) for event in events] == [Completed]
    assert end_of(events).stop == "end"


async def test_a_whole_conversation_can_be_shown_again(behind: Begin):
    history = (
        message("system", Text("Be brief.")),
        message("user", Text("Look at this: "), IMAGE),
        message(
            "assistant",
            Text("I look."),
            ToolCall("call_1", "same", "git__git_log", {"path": "/repo"}),
            ToolCall("call_2", "same", "git__git_log", None, '{"path": '),
            ToolCall("call_3", "", "no such tool!", {}),
        ),
        message("tool", ToolResult("call_1", "same", "git__git_log", (Text("a1b2"), IMAGE))),
        message("tool", ToolResult("call_2", "same", "git__git_log", (Text("no JSON object"),), is_error=True)),
        message("tool", ToolResult("call_3", "", "no such tool!", (), is_error=True)),
        message("user", Text("And now?")),
    )
    events = await heard(behind(Turn("All read.")).make(), View(messages=history, tools=(LOG,), system="Rules."))
    assert text_of(events) == "All read."


async def test_a_view_is_left_as_it_was(behind: Begin):
    view = asks(schema={"type": "object", "properties": {}}, max_output_tokens=100)
    before = copy.deepcopy(view)
    await heard(behind(Turn("Done.", (wire.Proposed(LOG.name, {}),))).make(), view)
    assert view == before


async def test_turns_follow_one_another(behind: Begin):
    adapter = behind(Turn("one"), Turn("two"), Turn("three")).make()
    assert [text_of(await heard(adapter)) for _ in range(3)] == ["one", "two", "three"]


async def test_a_stream_may_be_left_early_and_the_adapter_used_again(behind: Begin):
    adapter = behind(Turn("a long answer that nobody waits for"), Turn("next")).make()
    with anyio.fail_after(5):
        async with aclosing(adapter.stream(asks())) as events:
            assert isinstance(await anext(events), TextDelta)
    assert isinstance(end_of(await heard(adapter)), Completed)
    await adapter.aclose()


async def test_a_cancelled_stream_ends_at_once(behind: Begin):
    adapter = behind(Turn("a long answer that nobody waits for")).make()
    finished = False
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                nonlocal finished
                async with aclosing(adapter.stream(asks())) as events:
                    async for _ in events:
                        tasks.cancel_scope.cancel()
                finished = True

            tasks.start_soon(listen)
    assert not finished
    await adapter.aclose()


async def test_usage_is_either_unknown_or_consistent(behind: Begin):
    usage = end_of(await heard(behind(Turn("Done.")).make())).usage
    assert usage is None or (
        0 <= usage.cached_input_tokens <= usage.input_tokens and 0 <= usage.reasoning_tokens <= usage.output_tokens
    )


async def test_the_model_is_named_and_says_whether_it_is_scripted(behind: Begin):
    found = behind(Turn("Done."))
    adapter = found.make()
    assert adapter.model
    assert adapter.scripted is (found.kind.name == "scripted")
    assert end_of(await heard(adapter)).model


async def test_closing_twice_harms_nobody(behind: Begin):
    adapter = behind(Turn("Done.")).make()
    await heard(adapter)
    await adapter.aclose()
    await adapter.aclose()


async def test_the_key_stands_in_no_representation(behind: Begin):
    found = behind(Turn("Done."))
    settings = ModelSettings("m", found.kind.name, found.settings.model, base_url="http://127.0.0.1:9/v1", key="sk-1-2")
    assert "sk-1-2" not in repr(settings) + repr(found.kind.make(settings))


async def test_the_twin_in_memory_keeps_the_same_contract():
    model = FakeModel(proposes(proposed("git__git_log", {"n": 1}), text="I look."), says("Done."))
    first, second = await heard(model), await heard(model)
    assert (text_of(first), calls_of(first), end_of(first).stop) == (
        "I look.",
        [CallReady("call_1", "git__git_log", {"n": 1})],
        "calls",
    )
    assert (text_of(second), end_of(second).stop) == ("Done.", "end")
    assert model.open_streams == 0


async def test_the_twin_in_memory_counts_a_stream_that_is_left_early_as_closed():
    model = FakeModel([TextDelta("a"), TextDelta("b")])
    stream: AsyncGenerator[ModelEvent, None] = model.stream(asks())
    await anext(stream)
    assert model.open_streams == 1
    await stream.aclose()
    assert model.open_streams == 0
