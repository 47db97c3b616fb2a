"""A model in memory, told what to say: the twin of every adapter.

    model = FakeModel(
        [proposed("git__git_log", {"max_count": 3}), Completed("calls", "fake")],
        says("Done."),
        [TextDelta("half"), ModelError("cut")],
        lambda view: says(f"I saw {len(view.messages)} messages"),
    )
    model.views, model.open_streams, model.closed

A turn is a list of events, errors to raise, and `anyio.Event`s to wait for; or a function from the view to one. After
the last turn it says `(nothing more)`.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeAlias

import anyio
from anyio.lowlevel import checkpoint

from adapters.interface import CallReady, Completed, ModelEvent, StopReason, TextDelta, Usage, View
from context.json_values import JsonObject

Step: TypeAlias = ModelEvent | Exception | anyio.Event
Turn: TypeAlias = Sequence[Step] | Callable[[View], Sequence[Step]]


def says(text: str, *, stop: StopReason = "end", usage: Usage | None = None) -> list[Step]:
    """A turn of text alone."""
    return [*([TextDelta(text)] if text else []), Completed(stop, "fake", usage)]


def proposes(*calls: CallReady, text: str = "", usage: Usage | None = None) -> list[Step]:
    """A turn that proposes calls, after some text."""
    return [*([TextDelta(text)] if text else []), *calls, Completed("calls", "fake", usage)]


def proposed(name: str, arguments: JsonObject | None = None, *, provider_id: str = "call_1") -> CallReady:
    return CallReady(provider_id, name, {} if arguments is None else arguments)


class FakeModel:
    """Plays its turns one model call at a time.

    Attributes:
        views: What each call was given.
        open_streams: Streams that were begun and not ended; 0 when nobody leaks one.
    """

    def __init__(self, *turns: Turn, model: str = "fake", scripted: bool = False) -> None:
        self._turns = list(turns)
        self._model = model
        self._scripted = scripted
        self.views: list[View] = []
        self.open_streams = 0
        self.closed = False

    @property
    def model(self) -> str:
        return self._model

    @property
    def scripted(self) -> bool:
        return self._scripted

    async def stream(self, view: View) -> AsyncGenerator[ModelEvent, None]:
        number = len(self.views)
        self.views.append(view)
        turn = self._turns[number] if number < len(self._turns) else says("(nothing more)")
        self.open_streams += 1
        try:
            for step in turn(view) if callable(turn) else turn:
                await checkpoint()
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, anyio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.open_streams -= 1

    async def aclose(self) -> None:
        self.closed = True
