"""While a run goes on: what a model streams, and whether its calls still lead anywhere.

Decides: go on, stop, or suspend, after each piece of text, before each call, after each turn. Does not decide deadlines
and budgets, which have owners of their own, nor whether a call is allowed.

A state machine without I/O or clock, fed with what happens. A resumed run counts anew: somebody has looked at it.
Refusals alone never end a run: a call that was refused counts neither as repeated nor as a turn without progress. A
call whose result changes (a status that is polled) is no repetition.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol, TypeAlias, cast

from context.decisions import Reason
from context.json_values import JsonObject, canonical_bytes, digest_bytes
from context.visible_text import escape_line
from tool_gateway.schemas.patterns import linear_pattern
from tool_gateway.stages.settings import Action, ContentPattern, StageSettings

GATE = "during"

EXPECTED_TOKENS = 4_000
"""What a turn may always be expected to say."""

CHARACTERS_A_TOKEN = 4
"""An estimate, low enough to be quiet: most scripts have fewer."""

LOOK_BACK = 2_048
"""Characters before a new piece of text in which a pattern's match may begin while it streams. The whole text is
searched once more when the turn ends."""

_STEP = 512


@dataclass(frozen=True, slots=True)
class Continue:
    """Nothing to object to."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The run ends here."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Suspend:
    """The run waits until somebody resumes it."""

    reason: Reason


Verdict: TypeAlias = Continue | Stop | Suspend
GO_ON = Continue()


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call, as it ended.

    Attributes:
        address: `server.tool`, or the name the model used where that means nothing.
        arguments: As the model wrote them, placeholders and all.
        refused: It was denied, by a gate or a person.
        result: What the model was shown.
    """

    address: str
    arguments: JsonObject | None
    refused: bool
    result: JsonObject | None = None


@dataclass(slots=True)
class RunState:
    """What the checks know of the run so far.

    Attributes:
        text: Of the running turn, in pieces; `size` its characters, `seen` how many of them were searched.
        usual: Sizes in tokens of the last turns' texts.
        last, times: The digest of the call and result that came last, and how often in a row.
        known: Digests of each call with its result.
        idle: Turns in a row that brought nothing new.
    """

    text: list[str] = field(default_factory=list[str])
    size: int = 0
    seen: int = 0
    tail: str = ""
    usual: deque[int] = field(default_factory=lambda: deque[int](maxlen=20))
    last_call: str | None = None
    last: str | None = None
    times: int = 0
    known: set[str] = field(default_factory=set[str])
    idle: int = 0


class StreamCheck(Protocol):
    """One check. Pure in the run's state and settings."""

    @property
    def name(self) -> str: ...

    def heard(self, state: RunState, settings: StageSettings, *, ended: bool) -> Verdict:
        """After a piece of text; `ended`: it was the turn's last."""
        ...

    def proposed(self, state: RunState, settings: StageSettings, address: str, arguments: JsonObject | None) -> Verdict:
        """Before a call is judged."""
        ...

    def settled(self, state: RunState, settings: StageSettings) -> Verdict:
        """After all calls of a turn."""
        ...


class _Quiet:
    """A check that has nothing to say to most of what happens."""

    def heard(self, state: RunState, settings: StageSettings, *, ended: bool) -> Verdict:
        return GO_ON

    def proposed(self, state: RunState, settings: StageSettings, address: str, arguments: JsonObject | None) -> Verdict:
        return GO_ON

    def settled(self, state: RunState, settings: StageSettings) -> Verdict:
        return GO_ON


class OutputSize(_Quiet):
    """Text that runs to many times its expected size, or past its bound."""

    name = "output_size"

    def heard(self, state: RunState, settings: StageSettings, *, ended: bool) -> Verdict:
        tokens = state.size // CHARACTERS_A_TOKEN
        if settings.output_tokens is not None and tokens > settings.output_tokens:
            text = f"the model's output passed {settings.output_tokens:,} tokens"
            return Stop(Reason(GATE, "output_too_long", text, remedy="Raise `output_tokens` of the agent's checks"))
        expected = max(EXPECTED_TOKENS, median(state.usual) if state.usual else 0)
        if settings.output_times and tokens > expected * settings.output_times:
            text = f"the model's output ran to more than {settings.output_times:g} times the expected size"
            return Stop(Reason(GATE, "output_runs_on", text, remedy="Raise `output_times` of the agent's checks"))
        return GO_ON


class OutputPatterns(_Quiet):
    """Text that a pattern forbids, found while it streams."""

    name = "output_patterns"

    def heard(self, state: RunState, settings: StageSettings, *, ended: bool) -> Verdict:
        patterns = [one for one in settings.patterns if one.where == "output"]
        if not patterns or not state.size or not (ended or state.size - state.seen >= _STEP):
            return GO_ON
        # At the end all of it, for what began before the look-back.
        part = "".join(state.text) if ended else state.tail
        state.seen = state.size
        state.tail = state.tail[-LOOK_BACK:]
        return _first_match(patterns, part, "the model's output")


class ArgumentPatterns(_Quiet):
    """Arguments that a pattern forbids."""

    name = "argument_patterns"

    def proposed(self, state: RunState, settings: StageSettings, address: str, arguments: JsonObject | None) -> Verdict:
        patterns = [one for one in settings.patterns if one.where == "arguments"]
        if not patterns or arguments is None:
            return GO_ON
        text = "\n".join(_texts(arguments))
        return _first_match(patterns, text, f"the arguments of {escape_line(address, 200)}")


class RepeatedCalls(_Quiet):
    """The same call with the same result, again and again."""

    name = "repeated_calls"

    def proposed(self, state: RunState, settings: StageSettings, address: str, arguments: JsonObject | None) -> Verdict:
        bound = settings.repeated_calls
        if not bound or state.times < bound or state.last_call != _call_digest(address, arguments):
            return GO_ON
        text = f"the model calls {escape_line(address, 200)} with the same arguments again, after {state.times} times"
        return _loop(settings.on_loop, "repeated_call", f"{text} with the same result", "repeated_calls")


class NoProgress(_Quiet):
    """Turns whose calls bring only what is known."""

    name = "no_progress"

    def settled(self, state: RunState, settings: StageSettings) -> Verdict:
        if not settings.no_progress or state.idle < settings.no_progress:
            return GO_ON
        text = f"{state.idle} turns in a row brought nothing new: each call had been made before, with the same result"
        return _loop(settings.on_loop, "no_progress", text, "no_progress")


DURING: tuple[StreamCheck, ...] = (OutputSize(), OutputPatterns(), ArgumentPatterns(), RepeatedCalls(), NoProgress())
"""The checks of a run that goes on, in their order."""


class Watch:
    """The checks over one run. Feed it everything, in order; the first objection counts."""

    def __init__(self, settings: StageSettings) -> None:
        self._settings = settings
        self._state = RunState()
        self._searches = any(one.where == "output" for one in settings.patterns)

    def heard(self, delta: str) -> Verdict:
        """A piece of the running turn's text."""
        state = self._state
        state.text.append(delta)
        state.size += len(delta)
        if self._searches:
            state.tail += delta
        return self._first(check.heard(state, self._settings, ended=False) for check in DURING)

    def ended(self) -> Verdict:
        """The turn's text is complete."""
        state = self._state
        verdict = self._first(check.heard(state, self._settings, ended=True) for check in DURING)
        if state.size:
            state.usual.append(state.size // CHARACTERS_A_TOKEN)
        state.text, state.tail, state.size, state.seen = [], "", 0, 0
        return verdict

    def proposed(self, address: str, arguments: JsonObject | None) -> Verdict:
        """A call, before anything is done about it. Not to be asked of a call that already waited for its approval."""
        return self._first(check.proposed(self._state, self._settings, address, arguments) for check in DURING)

    def settled(self, *calls: CallFacts) -> Verdict:
        """All calls of one turn have ended, in the model's order."""
        state = self._state
        carried = [call for call in calls if not call.refused]
        new = False
        for call in carried:
            made = _call_digest(call.address, call.arguments)
            whole = digest_bytes(made.encode() + _bytes(call.result))
            state.times = state.times + 1 if whole == state.last else 1
            state.last, state.last_call = whole, made
            new = new or whole not in state.known
            state.known.add(whole)
        if carried:
            state.idle = 0 if new else state.idle + 1
        return self._first(check.settled(state, self._settings) for check in DURING)

    @staticmethod
    def _first(verdicts: Iterable[Verdict]) -> Verdict:
        return next((verdict for verdict in verdicts if not isinstance(verdict, Continue)), GO_ON)


def _call_digest(address: str, arguments: JsonObject | None) -> str:
    return digest_bytes(address.encode("utf-8", "replace") + b"\0" + _bytes(arguments))


def _bytes(value: object) -> bytes:
    try:
        return canonical_bytes(value)
    except ValueError:  # a result may hold numbers that no call may
        return repr(value).encode("utf-8", "replace")


def _first_match(patterns: list[ContentPattern], text: str, where: str) -> Verdict:
    for one in patterns:
        if linear_pattern(one.pattern).found_in(text):
            said = f"{where} matches the pattern {escape_line(one.pattern, 80)}"
            return _verdict(one.action, Reason(GATE, "pattern_found", said))
    return GO_ON


def _loop(action: Action, code: str, text: str, key: str) -> Verdict:
    remedy = f"Say in the task what should happen instead, or raise `{key}` of the agent's checks"
    return _verdict(action, Reason(GATE, code, text, remedy=remedy))


def _verdict(action: Action, reason: Reason) -> Stop | Suspend:
    return Stop(reason) if action == "stop" else Suspend(reason)


def _texts(value: object) -> Iterator[str]:
    """Names and scalars of a value, each on a line of its own."""
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            for key, held in cast("dict[str, object]", item).items():
                yield key
                pending.append(held)
        elif isinstance(item, list):
            pending.extend(cast("list[object]", item))
        elif item is not None:
            yield str(item)
