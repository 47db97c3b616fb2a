"""Spans: with the ids that events and entries carry, only where they are asked for, and no baggage to servers."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from context.errors import ConfigError
from context.ids import new_trace_id
from host.telemetry import Tracer, configured_provider
from tests.host.projects import Finished, Project, turn


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", fail="read", meta="read")
    return project


def spans(done: Finished) -> list[dict[str, Any]]:
    """What the console exporter printed: JSON objects one after the other, between lines of ours."""
    decoder, found = json.JSONDecoder(), []
    for start in re.finditer(r"^\{$", done.err, re.MULTILINE):
        found.append(decoder.raw_decode(done.err[start.start() :])[0])
    return found


def run(project: Project, *, output: str = "jsonl", **environ: str) -> Finished:
    project.environ |= environ
    script = project.script(turn(("kit.echo", {"text": "a"}), ("kit.fail", {}), ("kit.meta", {})), "Done.")
    return project.program(*project.arguments(model=script, output=output))


def test_spans_carry_the_ids_of_the_events(kit: Project) -> None:
    """One console run shows all: names, ids, parents, outcomes, and what a server gets of it."""
    done = run(kit, OTEL_TRACES_EXPORTER="console", OTEL_PROPAGATORS="tracecontext,baggage")
    assert done.code == 0, done.err
    found = {span["context"]["span_id"]: span for span in spans(done)}
    assert {span["context"]["trace_id"] for span in found.values()} == {f"0x{done.events[0]['trace_id']}"}
    (agent,) = [span for span in found.values() if span["name"].startswith("invoke_agent")]
    assert agent["parent_id"] is None
    chats = [found[f"0x{event['span_id']}"] for event in done.of("message.completed")]
    calls = [found[f"0x{event['span_id']}"] for event in done.of("call.completed")]
    for event in done.of("call.started"):
        assert f"0x{event['span_id']}" in found
    assert [span["name"].split()[0] for span in chats] == ["chat", "chat"]
    assert [span["name"] for span in calls] == [f"execute_tool kit.{tool}" for tool in ("echo", "fail", "meta")]
    assert {span["parent_id"] for span in (*chats, *calls)} == {agent["context"]["span_id"]}
    assert [span["attributes"]["gatehost.outcome"] for span in calls] == ["succeeded", "failed", "succeeded"]
    assert [span["status"]["status_code"] for span in calls] == ["UNSET", "ERROR", "UNSET"]
    ids = [event["call_id"] for event in done.of("call.completed")]
    assert [span["attributes"]["gen_ai.tool.call.id"] for span in calls] == ids

    meta = json.loads(done.of("call.completed")[2]["result"]["content"][0]["text"])
    assert meta["gatehost/call"] == ids[2]
    version, trace, parent, _ = meta["traceparent"].split("-")
    assert (version, trace) == ("00", done.events[0]["trace_id"])
    assert f"0x{parent}" in found
    assert "baggage" not in meta


def test_the_record_carries_the_ids_of_the_events(kit: Project) -> None:
    done = kit.run(turn(("kit.echo", {"text": "a"})), "Done.", output="jsonl")
    (told,) = done.of("call.completed")
    shown = kit.call("audit", "show", told["run_id"], "--json").report
    outcome = next(entry for entry in shown["entries"] if entry["type"] == "outcome")
    for key in ("trace_id", "span_id", "call_id", "turn_id", "session_id"):
        assert outcome[key] == told[key]


def test_baggage_goes_nowhere() -> None:
    """In a process of its own: a provider is set once, for good."""
    program = """
from opentelemetry import baggage, context, propagate
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from host.telemetry import Tracer, make_provider

tracer, carrier = Tracer("1" * 32, make_provider(InMemorySpanExporter())), {}
context.attach(baggage.set_baggage("user", "alice"))
with tracer.span("chat x", {}) as span:
    propagate.inject(carrier)
assert carrier == {"traceparent": f"00-{'1' * 32}-{span.span_id}-01"}, carrier
tracer.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_without_configuration_nothing_of_the_sdk_is_loaded(kit: Project) -> None:
    program = (
        "import sys\nfrom host.cli.main import main\ncode = main(sys.argv[1:])\n"
        "loaded = [name for name in sys.modules if name.startswith('opentelemetry.sdk')]\n"
        "sys.exit(f'loaded: {loaded}' if loaded else code)"
    )
    script = kit.script(turn(("kit.meta", {})), "Done.")
    arguments = kit.arguments(model=script, output="jsonl")
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (told,) = Finished(0, done.stdout, "").of("call.completed")
    meta = json.loads(told["result"]["content"][0]["text"])
    assert "traceparent" not in meta and "baggage" not in meta


def test_an_unknown_exporter_stops_the_run_before_it_starts(kit: Project) -> None:
    kit.environ["OTEL_TRACES_EXPORTER"] = "zipkin"
    done = kit.run("Done.")
    assert (done.code, done.out) == (2, "")
    assert "OTEL_TRACES_EXPORTER" in done.err and "console" in done.err
    with kit.journal() as journal:
        assert journal.list_runs() == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": ""},
        {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_nothing_is_configured_unless_it_is_asked_for(environ: dict[str, str]) -> None:
    assert configured_provider(environ) is None


def test_a_missing_exporter_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match="opentelemetry-exporter-otlp-proto-http"):
        configured_provider({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})


def test_a_span_without_a_provider_has_ids_all_the_same() -> None:
    tracer = Tracer(new_trace_id())
    with tracer.span("chat x", {"a": 1}) as outer, tracer.span("execute_tool y", {}) as inner:
        assert re.fullmatch(r"[0-9a-f]{16}", outer.span_id)
        assert outer.span_id != inner.span_id
    assert outer.attributes == {"a": 1}
    tracer.close()
