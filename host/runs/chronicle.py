"""What a run says of itself: its events and its entries in the record, under the ids of the run.

Decides: which news of servers are evidence too. Does not decide what happens, nor what is said of a call
(`tool_gateway.trail`).
"""

import time
from collections.abc import Mapping

from context.events import Event, EventType, utc_text
from context.ids import new_id
from context.json_values import JsonObject, JsonValue
from host.journal import RunHandle
from tool_gateway.interface import Entry

_EVIDENCE = frozenset({"restart", "accepted_protocol", "asked", "dropped_messages"})
"""What makes the news of a server's state more than news."""


class Chronicle:
    """Of one run.

    Attributes:
        ids: Of agent, session and trace; stand in every event and entry.
        warnings: All that were told, in order.
    """

    def __init__(self, handle: RunHandle, ids: Mapping[str, str]) -> None:
        self._handle = handle
        self.ids = dict(ids)
        self.warnings: list[str] = []

    def event(self, kind: EventType, data: JsonObject, ids: Mapping[str, str] | None = None) -> Event:
        return Event(kind, self._handle.run_id, {**self.ids, **(ids or {})}, data)

    def entry(
        self,
        kind: str,
        body: JsonObject,
        contents: Mapping[str, JsonValue] | None = None,
        *,
        ids: Mapping[str, str] | None = None,
    ) -> Entry:
        """One line of the record; `contents` stand in it only as digests."""
        return Entry(
            entry_id=new_id("ent"),
            type=kind,
            run_id=self._handle.run_id,
            ts=utc_text(time.time()),
            body=body,
            ids={**self.ids, **(ids or {})},
            contents=contents or {},
        )

    def notify(self, kind: EventType, data: JsonObject) -> None:
        """News of a server; what concerns walls, pins, restarts and misbehaviour is evidence and goes into the record.

        The newest reason for dropping a message may quote the server, so it stands there as an erasable content.
        """
        kept = kind in {"sandbox.state", "pin.changed"} or not _EVIDENCE.isdisjoint(data)
        body = {key: value for key, value in data.items() if key != "last_dropped"}
        contents = {"last_dropped": data["last_dropped"]} if "last_dropped" in data else None
        entries = (self.entry(kind.replace(".", "_"), body, contents),) if kept else ()
        self._handle.append(self.event(kind, data), entries=entries)

    def note(self, text: str) -> None:
        """Something people should know that is no fault: an event, and a line of the record."""
        self._handle.append(
            self.event("warning", {"text": text, "level": "note"}), entries=(self.entry("note", {}, {"text": text}),)
        )

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._handle.append(self.event("warning", {"text": text}))
