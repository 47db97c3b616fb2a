"""Times that follow from what the user said, or from the one time that a granted text names.

Decides: whether a proposed day or time is that one: the year filled in, a weekday counted from today, an end by a
length that was named. Does not decide how times are read (`moments.py`) nor which text was granted.

A granted text that names a second time grants none.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from context.json_values import JsonValue, leaves
from context.provenance.interface import Sources
from context.provenance.normal_forms import date_form, moment_form, time_form
from tool_gateway.provenance.argument_places import Leaf
from tool_gateway.provenance.moments import Slot, times_in
from tool_gateway.provenance.records import records_of
from tool_gateway.provenance.said import Said, spans_in
from tool_gateway.provenance.sinks import words_of
from tool_gateway.provenance.uniqueness import steps_of

ENDS = frozenset({"end", "until", "finish", "checkout", "to", "stop", "till", "ends"})
STARTS = frozenset({"start", "begin", "from", "checkin", "starts", "since"})
_ZONE = re.compile(r"(?<=[0-9])(?:Z|[+-][0-9]{2}:?[0-9]{2})\Z")
_ZONE_NAME = re.compile(r"[A-Z][A-Za-z_]{1,30}(?:/[A-Z][A-Za-z_+-]{1,40}){1,2}")
_MOST_SOURCES = 200
_MOST_LEAVES = 2_000

Moment = tuple[str, str, str]
"""Day, time and zone as written; any may be empty."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One leaf about time, with what else the call says.

    Attributes:
        named: The words of the names on the way to it: `start.dateTime` is a start.
        starts: Times of the same call that are fine and say when it begins.
    """

    moment: Moment
    named: frozenset[str]
    starts: tuple[Moment, ...]

    @property
    def ends(self) -> bool:
        return bool(ENDS & self.named) and not STARTS & self.named


def asked(leaf: Leaf, siblings: Sequence[Leaf], fine: Callable[[Leaf], bool], sources: Sources) -> Asked | None:
    """The leaf as a time; None where it is none, or where it is in a zone of its own."""
    moment = moment_of(leaf.value)
    if moment is None or (moment[2] and not _is_usual(moment, sources)):
        return None
    named = names_of(leaf)
    starts: list[Moment] = []
    if ENDS & named:
        for other in siblings:
            start = moment_of(other.value) if other is not leaf and STARTS & names_of(other) else None
            if start is not None and fine(other):
                starts.append(start)
    return Asked(moment, named, tuple(starts))


def said_so(one: Asked, said: Said, texts: Iterable[str], today: date) -> str | None:
    """The time follows from the user's own words."""
    day, clock, _ = one.moment
    for text in texts:
        times = times_in(text, today)
        if day and not clock and day in times.days:
            return f"the user named this day, counted from {today.isoformat()}"
        for slot in times.slots:
            if _is_slot(one, slot) or (not day and clock and clock in {slot.start, slot.end}):
                return f"the user named this time, counted from {today.isoformat()}"
    return _lasting(one, said.spans, "the user")


def granted_so(one: Asked, texts: Sequence[str], today: date, lengths: Sequence[timedelta]) -> str | None:
    """The time is the only one that the granted texts name, or lasts as long as they say.

    Args:
        lengths: Of the very event that is changed.
    """
    slots: dict[Slot, None] = {}
    days: dict[str, None] = {}
    spans: dict[timedelta, None] = {}
    for text in texts:
        times = times_in(text, today, relative=False)
        slots.update(dict.fromkeys(times.slots))
        days.update(dict.fromkeys(times.days))
        spans.update(dict.fromkeys(spans_in(text)))
    day, clock, _ = one.moment
    if day and not clock:
        return "it is the only day in the text that was granted" if list(days) == [day] else None
    if len(slots) != 1:
        return None
    slot = next(iter(slots))
    if _is_slot(one, slot) or (not day and clock == (slot.end if one.ends else slot.start)):
        return "it is the only time in the text that was granted"
    if slot.end is None and any((start[0], start[1]) == (slot.day, slot.start) for start in one.starts):
        return _lasting(one, tuple(spans) if len(spans) == 1 else tuple(lengths), "the text that was granted")
    return None


def lengths_of(siblings: Sequence[Leaf], fine: Callable[[Leaf], bool], sources: Sources) -> tuple[timedelta, ...]:
    """How long the events of trusted results last whose identifier stands in the same call."""
    found: dict[timedelta, None] = {}
    for leaf in siblings:
        if isinstance(leaf.value, bool | None) or not {"id", "key", "uid"} & set(words_of(leaf.name)) or not fine(leaf):
            continue
        for sighting in sources.origin(leaf.value).sightings:
            if not sighting.proves or sighting.field is None or sighting.source.kind != "tool":
                continue
            steps = steps_of(sighting.field)[:-1]
            for record in records_of(sources.structure(sighting.source.source_id)):
                if record.steps == steps and (length := _length(record.own)) is not None:
                    found[length] = None
    return tuple(found)


def same_zone(value: str, at: str, sources: Sources) -> bool:
    """Whether a zone's name is what all whole times that the run has read are written in.

    Not where untrusted content names the zone in any form: then somebody may want another hour for the same words.
    """
    if _ZONE_NAME.fullmatch(value) is None:
        return False
    if any(sighting.source.kind == "tool" for sighting in sources.origin(value).sightings):
        return False
    try:
        moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(value))
    except (ValueError, OSError, KeyError):
        return False
    offsets = _offsets(sources)
    return len(offsets) == 1 and moment.utcoffset() == next(iter(offsets))


def moment_of(value: JsonValue) -> Moment | None:
    """Day, time and zone as written; either of the first two may be empty."""
    text = value.strip() if isinstance(value, str) and len(value) <= 40 else ""
    if not text[:1].isdigit():
        return None
    zone = _ZONE.search(text) if "T" in text or " " in text else None
    plain = text[: zone.start()] if zone else text
    if (moment := moment_form(plain)) is not None:
        day, _, clock = moment.partition("T")
        return day, clock, zone[0] if zone else ""
    if (day := date_form(plain)) is not None:
        return day, "", ""
    clock = time_form(plain)
    return None if clock is None else ("", clock, "")


def names_of(leaf: Leaf) -> frozenset[str]:
    """All words of the names on the way to a leaf."""
    return frozenset(word for step in leaf.steps if isinstance(step, str) for word in words_of(step))


def after(start: Moment, length: timedelta) -> Moment | None:
    """The moment that much later, written the same way; None where that cannot be written."""
    day, clock, zone = start
    try:
        moment = datetime.fromisoformat(f"{day or '2000-01-01'}T{clock or '00:00'}") + length
    except (ValueError, OverflowError):
        return None
    if not day and moment.day != 1:
        return None
    if not clock and (moment.hour or moment.minute):
        return None
    shown = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    return (moment.date().isoformat() if day else "", shown if clock else "", zone)


def _is_usual(moment: Moment, sources: Sources) -> bool:
    """Whether the offset is that of all whole times that the run has read."""
    try:
        offset = datetime.fromisoformat(f"2000-01-01T00:00{moment[2]}").utcoffset()
    except ValueError:
        return False
    return _offsets(sources) == {offset}


def _is_slot(one: Asked, slot: Slot) -> bool:
    day, clock, _ = one.moment
    if slot.day is None or day != slot.day:
        return False
    return clock == slot.end if one.ends else clock == slot.start


def _lasting(one: Asked, lengths: Iterable[timedelta], who: str) -> str | None:
    for start in one.starts:
        if any(after(start, length) == one.moment for length in lengths):
            return f"it is the start plus the length that {who} named"
    return None


def _length(record: JsonValue) -> timedelta | None:
    begun: list[datetime] = []
    ended: list[datetime] = []
    for path, leaf in leaves(record if isinstance(record, dict) else {}):
        moment = moment_of(leaf)
        if moment is None or not moment[0] or not moment[1]:
            continue
        words = frozenset(word for step in steps_of(path) if isinstance(step, str) for word in words_of(step))
        held = begun if STARTS & words else ended if ENDS & words else None
        if held is not None:
            held.append(datetime.fromisoformat(f"{moment[0]}T{moment[1]}"))
    if len(begun) != 1 or len(ended) != 1 or not timedelta(0) < ended[0] - begun[0] <= timedelta(days=30):
        return None
    return ended[0] - begun[0]


def _offsets(sources: Sources) -> set[timedelta]:
    found: set[timedelta] = set()
    for moment in _zoned(sources):
        try:
            read = datetime.fromisoformat(moment)
        except ValueError:
            continue
        offset = read.utcoffset()
        if offset is not None and not (moment.endswith("Z") and read.tzinfo == UTC):
            found.add(offset)
    return found


def _zoned(sources: Sources) -> Iterator[str]:
    seen = 0
    for source in sources.sources[-_MOST_SOURCES:]:
        if source.kind != "tool":
            continue
        for _, leaf in leaves({"": sources.structure(source.source_id)}):
            seen += 1
            if seen > _MOST_LEAVES:
                return
            if (
                isinstance(leaf, str)
                and 16 <= len(leaf) <= 40
                and leaf[:4].isdigit()
                and _ZONE.search(leaf) is not None
            ):
                yield leaf
