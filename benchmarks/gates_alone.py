"""What do the gates cost by themselves, pure, with a large schema and several constraints?"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from benchmarks.answers import Answer
from benchmarks.stats import p50, p95
from context.calls import ToolDefinition, ToolRef
from context.decisions import Allow
from context.json_values import JsonObject
from tool_gateway.arguments.constraints import paths_to_resolve
from tool_gateway.form import form
from tool_gateway.gateway import GATES_ON_THE_NAME, GATES_ON_THE_VALUE
from tool_gateway.interface import CallEvidence, CallProposal, Gate, Health, KnownTool, Scope
from tool_gateway.pins import tool_digest
from tool_gateway.rules import ArgumentRule, ToolRule

_BLOCK, _BLOCKS = 20, 200

_TEXT: JsonObject = {"type": "string", "maxLength": 500}
_SCHEMA: JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "branch", "message"],
    "properties": {
        "path": _TEXT,
        "branch": {"type": "string", "pattern": "^[a-z0-9/_-]{1,60}$"},
        "message": _TEXT,
        "author": {"type": "object", "properties": {"name": _TEXT, "email": _TEXT}, "required": ["name"]},
        "mode": {"enum": ["fast", "careful"]},
        "count": {"type": "integer", "minimum": 0},
        "ratio": {"type": "number"},
        "sign": {"type": "boolean"},
        "labels": {"type": "array", "items": _TEXT, "maxItems": 20},
        "files": {
            "type": "array",
            "items": {"type": "object", "properties": {"path": _TEXT, "size": {"type": "integer"}}},
        },
        "since": _TEXT,
        "until": _TEXT,
        "title": _TEXT,
        "note": {"type": ["string", "null"]},
        "depth": {"type": "integer", "maximum": 1000},
    },
}
_ARGUMENTS: JsonObject = {
    "path": "/repo/src/main.py",
    "branch": "feature/gates",
    "message": "Say what the gates cost",
    "author": {"name": "A. Developer", "email": "a@example.org"},
    "mode": "careful",
    "count": 12,
    "ratio": 0.5,
    "sign": True,
    "labels": ["one", "two", "three"],
    "files": [{"path": "a.py", "size": 10}, {"path": "b.py", "size": 20}],
    "since": "2026-01-01",
    "until": "2026-12-31",
    "title": "A title",
    "note": None,
    "depth": 3,
}
_RULES = {
    "path": ArgumentRule(path_within=("/repo",)),
    "branch": ArgumentRule(pattern="[a-z0-9/_-]+", no_option=True),
    "mode": ArgumentRule(one_of=("fast", "careful")),
    "count": ArgumentRule(maximum=200),
    "message": ArgumentRule(max_bytes=4096),
}


async def measure(folder: Path) -> list[Answer]:
    """p50 and p95 of each pure step; every gate must allow, since a refusal takes another way."""
    del folder
    definition = ToolDefinition("change", "Changes something.", _SCHEMA)
    tool = KnownTool(
        ref=ToolRef("git", "change"),
        definition=definition,
        rule=ToolRule(effect="write", approve="never", arguments=_RULES),
        pin=tool_digest(definition),
    )
    call = CallProposal("call_1", "run_1", "bench", 1, tool.ref.model_name, _ARGUMENTS)
    evidence = CallEvidence(
        now=0.0,
        tool=tool,
        health=Health("ready"),
        scope=Scope(("git.*", "files.*"), ("git.*",)),
        paths={text: text for text in paths_to_resolve(tool, _ARGUMENTS)},
    )
    steps: list[tuple[str, Callable[[], object]]] = [("form (canonical arguments)", lambda: form(call))]
    for gate in (*GATES_ON_THE_NAME, *GATES_ON_THE_VALUE):
        decision = gate.judge(call, evidence)
        if not isinstance(decision, Allow):
            raise RuntimeError(f"{gate.name}: {decision}")
        steps.append((f"gate {gate.name}", _judging(gate, call, evidence)))
    steps.insert(4, ("paths to resolve", lambda: paths_to_resolve(tool, _ARGUMENTS)))
    taken: dict[str, list[float]] = {name: [] for name, _ in steps}
    for _ in range(_BLOCKS):
        for name, step in steps:
            started = time.perf_counter()
            for _ in range(_BLOCK):
                step()
            taken[name].append((time.perf_counter() - started) / _BLOCK * 1e6)
    together = [sum(times) for times in zip(*taken.values(), strict=True)]
    rows = [(name, p50(times), p95(times)) for name, times in [*taken.items(), ("all of them", together)]]
    title = (
        f"The gates alone: {len(cast('dict[str, object]', _SCHEMA['properties']))} fields, {len(_RULES)} constraints"
    )
    return [Answer(title, ("pure step", "µs p50", "µs p95"), rows)]


def _judging(gate: Gate, call: CallProposal, evidence: CallEvidence) -> Callable[[], object]:
    return lambda: gate.judge(call, evidence)
