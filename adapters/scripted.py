"""A model that follows a script: for demonstrations, tests and attacks that a real model may not fall for.

Decides: which turn is played, and what its calls and conditions mean. Does not decide how a script is
written down and checked (`script_file`). Nothing thinks here, and `scripted` says so in every output.

The script is TOML. The n-th model call of a run plays the n-th turn; a run that is resumed goes on where it
was (`position`). After the last turn the model only says that the script has ended.

    [[turns]]
    text = "I will look at the log."      # optional
    [[turns.calls]]
    tool = "git.git_log"                  # server.tool, or any other name, which is passed on as it is
    arguments = { repo_path = "/repo" }   # optional

A call may further have:

    provider_id = "call_1"                # the model's own id; may repeat on purpose
    malformed = '{"path": '               # raw text in place of arguments: a model that writes broken JSON
    when = "IGNORE ALL"                   # made only if a tool result so far holds this text
    from_result = { path = { after = "write it to ", until = " " } }

`from_result` takes an argument out of the newest tool result that holds the text `after`: what follows it, up to
`until` (else the line's end), without surrounding blanks. It replaces an argument of that name. Where no result
holds it, the call is not made. So a script can obey an injected sentence to the letter. Both look for plain text,
not for patterns: the results are an attacker's. A turn whose calls all fall away is one of text alone.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

from anyio.lowlevel import checkpoint

from adapters.interface import (
    AdapterKind,
    CallReady,
    Completed,
    ModelAdapter,
    ModelEvent,
    ModelSettings,
    TextDelta,
    View,
)
from adapters.script_file import ScriptedCall, ScriptedTurn, Taken, read_script
from context.json_values import JsonObject
from context.messages import Text, ToolResult

ENDED = "(the script has ended)"
"""What the model says after its last turn."""

_DELTAS = 4


class ScriptedModel:
    """One run's scripted model.

    Raises:
        ConfigError: the script is missing or wrong.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._model = f"scripted:{settings.model}"
        self._turns = read_script(Path(settings.model))
        self._position = settings.position

    @property
    def model(self) -> str:
        """`scripted:` and the file, as it was named."""
        return self._model

    @property
    def scripted(self) -> bool:
        return True

    async def stream(self, view: View) -> AsyncGenerator[ModelEvent, None]:
        """See `ModelAdapter.stream`. A stream that is closed before its end did not play its turn."""
        number = self._position
        turn = self._turns[number] if number < len(self._turns) else ScriptedTurn(ENDED)
        results = _results(view)
        calls = [
            ready
            for order, call in enumerate(turn.calls, 1)
            if (ready := _ready(call, view, results, f"script_{number + 1}_{order}")) is not None
        ]
        size = -(-len(turn.text) // _DELTAS) or 1
        for start in range(0, len(turn.text), size):
            await checkpoint()
            yield TextDelta(turn.text[start : start + size])
        for ready in calls:
            await checkpoint()
            yield ready
        await checkpoint()
        self._position = number + 1
        yield Completed("calls" if calls else "end", self._model)

    async def aclose(self) -> None:
        """Nothing is held."""


def _ready(call: ScriptedCall, view: View, results: list[str], own_id: str) -> CallReady | None:
    """The call as proposed, or None when its condition does not hold."""
    if call.when is not None and not any(call.when in result for result in results):
        return None
    provider_id = call.provider_id if call.provider_id is not None else own_id
    name = view.tool_names.get(call.tool, call.tool)
    if call.malformed is not None:
        return CallReady(provider_id, name, None, call.malformed)
    arguments: JsonObject = dict(call.arguments)
    for argument, taken in call.from_result.items():
        found = _find(taken, results)
        if found is None:
            return None
        arguments[argument] = found
    return CallReady(provider_id, name, arguments)


def _find(taken: Taken, results: list[str]) -> str | None:
    for result in reversed(results):
        _, mark, rest = result.partition(taken.after)
        if mark:
            return rest.partition("\n")[0].partition(taken.until)[0].strip()
    return None


def _results(view: View) -> list[str]:
    """The text of every tool result that the view shows, oldest first."""
    return [
        "\n".join(piece.text for piece in part.content if isinstance(piece, Text))
        for message in view.messages
        for part in message.parts
        if isinstance(part, ToolResult)
    ]


def _make(settings: ModelSettings) -> ModelAdapter:
    return ScriptedModel(settings)


KIND = AdapterKind(name="scripted", make=_make)
