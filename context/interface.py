"""The seams that every layer may use: the store of runs and the stream of events.

Decides: the Protocols. Does not decide where rows live; `host.journal` keeps them in one SQLite
file, `tests/fakes/` in memory.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from context.events import Event
from context.json_values import JsonObject
from context.messages import Message
from context.runs import RunInfo, RunStatus, StoredCall


class Events(Protocol):
    """Append and follow. Every event except `message.delta` is a journal row, so any process can follow a run."""

    def append(self, event: Event) -> Event:
        """Store `event`, number it, and return it with `seq` and `ts`. A `message.delta` only passes through."""
        ...

    def tail(self, run_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Events of the run with `seq > after`, then new ones as they come, until a terminal one."""
        ...


class RunStore(Protocol):
    """Runs, their messages and their calls."""

    def load_run(self, run_id: str) -> RunInfo:
        """Raises: ConfigError when there is no such run."""
        ...

    def list_runs(self, *, limit: int = 100) -> list[RunInfo]: ...

    def messages(self, run_id: str) -> list[Message]:
        """The conversation so far, earlier runs of the session included, in order."""
        ...

    def append_messages(self, run_id: str, messages: Sequence[Message], *, turn: int) -> None: ...

    def calls(self, run_id: str) -> list[StoredCall]: ...

    def set_status(
        self,
        run_id: str,
        status: RunStatus,
        *,
        exit_code: int | None = None,
        answer: str | None = None,
        flags: JsonObject | None = None,
    ) -> None:
        """Raises: IllegalTransition; LeaseLost when another process owns the run."""
        ...
