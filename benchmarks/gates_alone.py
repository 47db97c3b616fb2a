"""What do the gates cost by themselves, pure, with 50 policies, a large schema and several constraints?

Before anything untrusted was read, and after 1 MB of results. `new` calls have a number at which a policy looks and
that no call before them had, so no decision of Cedar's is remembered; `asked before` differ only in other arguments. A
word is read before each call, so that nothing traced is remembered. The gates compute and wait for nothing, so their
own processor time is taken: what else the machine does is left out. Each step is timed once a call, amid the others,
which costs about twice what it takes in a loop of its own.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from benchmarks import rules
from benchmarks.answers import Aim, Answer
from benchmarks.provenance import results_of
from benchmarks.stats import p50, p95
from context.calls import CallResult, ToolDefinition, ToolRef
from context.decisions import Allow, Deny
from context.json_values import JsonObject
from context.labels import UNTRUSTED
from context.messages import Text
from tool_gateway.arguments.constraints import paths_to_resolve
from tool_gateway.arguments.executable_paths import written_paths
from tool_gateway.form import form
from tool_gateway.gateway import GATES_ON_THE_NAME, GATES_ON_THE_VALUE
from tool_gateway.interface import CallEvidence, CallProposal, Health, KnownTool, Scope
from tool_gateway.pins import tool_digest
from tool_gateway.policy.question import Principal
from tool_gateway.provenance.evidence import TaskScope
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.rules import ArgumentRule, ToolRule

_WARM, _ROUNDS = 20, 300
_BLOCK = 40
_GATES_LIMIT_US, _TRACING_LIMIT_US = 150.0, 2000.0
_MEGA = 1024**2
_ResultT = TypeVar("_ResultT")

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
    "count": ArgumentRule(maximum=499),
    "message": ArgumentRule(max_bytes=4096),
}
_PROMPT = """Change /repo/src/main.py on the branch feature/gates in the mode careful, to depth 3 and ratio 0.5,
and sign it. The message is "Say what the gates cost", the title "A title", the author A. Developer, a@example.org; the
labels are one, two and three. The files are a.py of 10 and b.py of 20 bytes, since 2026-01-01 until 2026-12-31.
The counts are """


async def measure(folder: Path) -> list[Answer]:
    """p50 and p95 of each pure step; every gate must allow, since a refusal takes another way."""
    del folder
    definition = ToolDefinition("change", "Changes something.", _SCHEMA)
    tool = KnownTool(
        ref=ToolRef("git", "change"),
        definition=definition,
        rule=ToolRule(effect="write", approve="never", arguments=_RULES, groups=("outbound",)),
        pin=tool_digest(definition),
        owner="platform",
    )
    kinds = {
        "asked before": _Judged(tool, 0, new=False),
        "new": _Judged(tool, 0),
        "new, after 1 MB": _Judged(tool, _MEGA),
    }
    for first in range(0, _WARM + _ROUNDS, _BLOCK):
        for kind in kinds.values():
            for number in range(first, first + _BLOCK):
                kind.judge(number, keep=number >= _WARM)
    known, new, tainted = kinds.values()
    rows = [
        (name, *(figure(kind.taken[name]) for kind in kinds.values() for figure in (p50, p95))) for name in new.taken
    ]
    for name, start in (("all gates", "gate "), ("all of it", "")):
        rows.append((name, *(figure(kind.together(start)) for kind in kinds.values() for figure in (p50, p95))))
    fields = len(cast("dict[str, object]", _SCHEMA["properties"]))
    title = f"The gates alone: {rules.COUNT} policies beside the shipped, {fields} fields, {len(_RULES)} constraints"
    aims = [
        Aim("all gates, asked before, nothing read", p50(known.together("gate ")), _GATES_LIMIT_US, "µs"),
        Aim("all gates, new, nothing read", p50(new.together("gate ")), _GATES_LIMIT_US, "µs"),
        Aim("the provenance gate after 1 MB", p50(tainted.taken["gate provenance"]), _TRACING_LIMIT_US, "µs"),
    ]
    columns = ("CPU µs of a step", *(f"{name}: {figure}" for name in kinds for figure in ("p50", "p95")))
    return [Answer(title, columns, rows, aims)]


class _Judged:
    """One tool's calls in one run, through every gate.

    Args:
        read: Bytes of results before.
        new: Each call asks the policies something that none before it asked.

    Attributes:
        taken: Microseconds of processor time of each step, a list for each.
    """

    def __init__(self, tool: KnownTool, read: int, *, new: bool = True) -> None:
        self._tool = tool
        self._new = new
        self._policy = rules.engine([tool])
        self._knowledge = RunKnowledge("strict")
        self._knowledge.user_said(_PROMPT + ", ".join(map(str, range(_WARM + _ROUNDS))))
        self._knowledge.task(TaskScope({tool.ref: "Change"}))
        for number, (text, structured) in enumerate(results_of(read)):
            result = CallResult((Text(text),), structured, label=UNTRUSTED)
            self._knowledge.returned(f"call_r{number}", ToolRef("mail", "read"), {}, UNTRUSTED, result)
        self.taken: dict[str, list[float]] = {}

    def together(self, start: str) -> list[float]:
        """Of all steps whose names begin like this, round by round."""
        chosen = [times for name, times in self.taken.items() if name.startswith(start)]
        return [sum(times) for times in zip(*chosen, strict=True)]

    def judge(self, number: int, *, keep: bool) -> None:
        """Raises: RuntimeError when anything is refused or asks."""
        self._knowledge.model_said(number, "next")
        changed = "count" if self._new else "depth"
        arguments: JsonObject = {**_ARGUMENTS, changed: number}
        proposal = CallProposal(f"call_{number}", "run_1", "bench", number, self._tool.ref.model_name, arguments)
        taken: dict[str, float] = {}
        call = _timed(taken, "form (canonical arguments)", lambda: form(proposal))
        if isinstance(call, Deny):
            raise RuntimeError(str(call))
        held = call.arguments or {}
        texts = _timed(
            taken, "paths to resolve", lambda: [*paths_to_resolve(self._tool, held), *written_paths(self._tool, held)]
        )
        evidence = CallEvidence(
            now=1e9 + number,
            tool=self._tool,
            health=Health("ready"),
            scope=Scope(("git.*", "files.*"), ("git.*",)),
            paths={text: text for text in texts},
            provenance=self._knowledge.evidence(),
            policy=self._policy,
            principal=Principal("bench", "alice", frozenset({"developer", "finance"})),
            budget={"turns": 40, "seconds": 600},
            attended=True,
        )
        for gate in (*GATES_ON_THE_NAME, *GATES_ON_THE_VALUE):
            decision = _timed(taken, f"gate {gate.name}", lambda gate=gate: gate.judge(call, evidence))
            if not isinstance(decision, Allow):
                raise RuntimeError(f"{gate.name}: {decision}")
        if keep:
            for name, used in taken.items():
                self.taken.setdefault(name, []).append(used)


def _timed(taken: dict[str, float], name: str, step: Callable[[], _ResultT]) -> _ResultT:
    started = time.thread_time_ns()
    result = step()
    taken[name] = (time.thread_time_ns() - started) / 1e3
    return result
