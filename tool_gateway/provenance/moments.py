"""Days and times as people write them, read against the day on which they were said.

Decides: which day "24 November", "Monday" or "the 27th" is, which clock time belongs to which day, and from when until
when something lasts. Does not decide who may name a time (`derived.py`).

A time belongs to the day that stands next to it in its sentence, so that the days and times of one text cannot be
combined at will. A year that is left out is the one in which the day comes next.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from context.provenance.normal_forms import MONTHS, time_form

_LONGEST = 20_000
_MOST = 60
_GERMAN_MONTHS = {"januar": 1, "februar": 2, "märz": 3, "mai": 5, "juni": 6, "juli": 7, "oktober": 10, "dezember": 12}
_MONTH_NUMBERS = {**MONTHS, **_GERMAN_MONTHS}
_MONTH = "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True))
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "montag"),
            ("tuesday", "dienstag"),
            ("wednesday", "mittwoch"),
            ("thursday", "donnerstag"),
            ("friday", "freitag"),
            ("saturday", "samstag", "sonnabend"),
            ("sunday", "sonntag"),
        )
    )
    for name in names
}
_RELATIVE = {
    "today": 0, "tonight": 0, "heute": 0, "tomorrow": 1, "übermorgen": 2, "the day after tomorrow": 2,
}  # fmt: skip
_DAY = re.compile(
    r"(?P<iso>(?<![\w-])(?P<y1>[0-9]{4})-(?P<m1>[0-9]{2})-(?P<d1>[0-9]{2})(?![0-9-]))"
    r"|(?P<dot>(?<![\w.])(?P<d2>[0-9]{1,2})\.\s?(?P<m2>[0-9]{1,2})\.\s?(?P<y2>[0-9]{4})?(?![0-9]))"
    rf"|(?P<dm>(?<![\w.])(?P<d3>[0-9]{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?(?P<m3>{_MONTH})\b\.?"
    r"(?:,?\s(?P<y3>[0-9]{4})\b)?)"
    rf"|(?P<md>\b(?P<m4>{_MONTH})\.?\s(?P<d4>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?![:.][0-9])"
    r"(?:,?\s(?P<y4>[0-9]{4})\b)?)"
    rf"|(?P<dm_from>(?<![\w.:])(?P<d6>[0-9]{{1,2}})(?:st|nd|rd|th|\.)?"
    rf"(?=\s?(?:-|–|to|till?|until|bis)\s?(?:the\s|zum\s)?(?P<d7>[0-9]{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?"
    rf"(?P<m7>{_MONTH})\b\.?(?:,?\s(?P<y7>[0-9]{{4}})\b)?))"
    r"|(?P<nth>\b(?:the|am|den|dem|zum|vom|on)\s(?P<d5>[0-9]{1,2})(?:st|nd|rd|th|\.)(?![\w.:])"
    rf"(?!\s?(?:-|–|to|till?|until|bis)\s?(?:the\s|zum\s)?[0-9]{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?(?:{_MONTH})\b))"
    rf"|(?P<weekday>\b(?:{'|'.join(_WEEKDAYS)})\b)"
    r"|(?P<relative>\b(?:the day after tomorrow|today|tonight|tomorrow|heute|übermorgen"
    r"|(?<!guten )(?<!am )(?<!jeden )morgen)\b)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<![\w.:/])(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?\s?"
    r"(?P<half>[ap]\.?m\b\.?|uhr\b(?:\s(?P<more>[0-9]{2})\b)?)"
    r"|(?<![\w.:/-])(?P<hour2>[0-9]{1,2}):(?P<minute2>[0-9]{2})(?::(?P<second2>[0-9]{2}))?(?![\w:])"
    r"|(?<=[0-9]T)(?P<iso>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"|(?P<bare>(?<![\w.:/-])[0-9]{1,2})(?=\s?(?:-|–|bis)\s?[0-9]{1,2}(?::[0-9]{2})?\s?(?:uhr|[ap]m)\b)"
    r"|\b(?P<noon>noon|midday|midnight|mitternacht)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[^\W\d])[.!?]\s+(?=[^\W\d_a-z])|\n+")
_UNTIL = re.compile(r"\s*(?:uhr\s*)?(?:-|–|—|to|till?|until|bis)\s*(?:um\s*)?", re.IGNORECASE)
_AND = re.compile(r"\s*(?:uhr\s*)?(?:and|und)\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|zwischen)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slot:
    """One time that a text names.

    Attributes:
        day: ISO; None where the text does not say it, or says it relative to an unknown day.
        start, end: `14:30`; `end` only where the text says until when.
    """

    day: str | None
    start: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """All days and times of one text."""

    days: tuple[str, ...]
    slots: tuple[Slot, ...]


@functools.lru_cache(maxsize=256)
def times_in(text: str, today: date, *, relative: bool = True) -> Times:
    """The days and times of a text.

    Args:
        relative: `tomorrow` counts from `today`; else, in a text of another day, such a word names no day.
    """
    days: dict[str, None] = {}
    found: list[tuple[list[tuple[int, str | None]], list[tuple[int, str, str | None]]]] = []
    for sentence in _SENTENCE.split(text[:_LONGEST]):
        here = list(_days(sentence, today, relative=relative))
        days.update(dict.fromkeys(day for _, day in here if day is not None))
        found.append((here, list(_clocks(sentence))))
        if len(days) > _MOST:
            break
    only = next(iter(days)) if len(days) == 1 and all(day for here, _ in found for _, day in here) else None
    slots: dict[Slot, None] = {}
    for here, clocks in found:
        for place, start, end in clocks[:_MOST]:
            before = [day for at, day in here if at <= place]
            after = [day for at, day in here if at > place]
            day = before[-1] if before else after[0] if after else only
            slots[Slot(day, start, end)] = None
    return Times(tuple(days), tuple(slots))


def _days(text: str, today: date, *, relative: bool) -> Iterator[tuple[int, str | None]]:
    matches = list(_DAY.finditer(text))
    for match, following in zip(matches, [*matches[1:], None], strict=False):
        day = _day(match, today, relative=relative)
        if match["weekday"] and following is not None and not following["weekday"]:
            gap = text[match.end() : following.start()]
            date_after = _day(following, today, relative=relative)
            # "Thursday, 26 November" is one day when it is one; else two, and nobody knows which.
            if len(gap) <= 6 and date_after is not None and _is_weekday(date_after, match[0]):
                continue
        yield match.start(), day


def _is_weekday(day: str, name: str) -> bool:
    return date.fromisoformat(day).weekday() == _WEEKDAYS[name.lower()]


def _day(match: re.Match[str], today: date, *, relative: bool) -> str | None:
    for number in "1234":
        if match["d" + number]:
            month = match["m" + number].lower().rstrip(".")
            year = match["y" + number]
            return _dated(
                int(match["d" + number]),
                _MONTH_NUMBERS.get(month) or int(month if month.isdigit() else 0),
                int(year) if year else None,
                today,
            )
    if match["d6"]:
        # "from 4 to 7 December": both days are of the one month, and the first is not the later one.
        month = _MONTH_NUMBERS[match["m7"].lower().rstrip(".")]
        year = int(match["y7"]) if match["y7"] else None
        last = _dated(int(match["d7"]), month, year, today)
        first = _dated(int(match["d6"]), month, year if year or last is None else int(last[:4]), today)
        return first if first is not None and last is not None and first <= last else None
    if match["d5"]:
        return _nth(int(match["d5"]), today)
    if match["weekday"]:
        ahead = (_WEEKDAYS[match["weekday"].lower()] - today.weekday() - 1) % 7 + 1
        return (today + timedelta(days=ahead)).isoformat()
    if not relative:
        return None
    return (today + timedelta(days=_RELATIVE.get(match["relative"].lower(), 1))).isoformat()


def _dated(day: int, month: int, year: int | None, today: date) -> str | None:
    for candidate in (year,) if year is not None else (today.year, today.year + 1):
        try:
            found = date(candidate, month, day)
        except ValueError:
            continue
        if year is not None or found >= today:
            return found.isoformat()
    return None


def _nth(day: int, today: date) -> str | None:
    for ahead in range(62):
        found = today + timedelta(days=ahead)
        if found.day == day:
            return found.isoformat()
    return None


def _clocks(text: str) -> Iterator[tuple[int, str, str | None]]:
    matches = [(match, clock) for match in _CLOCK.finditer(text) if (clock := _clock(match)) is not None]
    taken = False
    for (match, clock), following in zip(matches, [*matches[1:], None], strict=False):
        if taken:
            taken = False
            continue
        end: str | None = None
        if following is not None:
            gap = text[match.end() : following[0].start()]
            between = _AND.fullmatch(gap) and _BETWEEN.search(text[: match.start()])
            if _UNTIL.fullmatch(gap) or between:
                end, taken = following[1], True
        yield match.start(), clock, end


def _clock(match: re.Match[str]) -> str | None:
    if match["noon"]:
        return "00:00" if match["noon"].lower() in {"midnight", "mitternacht"} else "12:00"
    if match["iso"]:
        return time_form(match["iso"])
    if match["bare"]:
        return time_form(f"{match['bare']}:00")
    if match["hour2"]:
        second = f":{match['second2']}" if match["second2"] else ""
        return time_form(f"{match['hour2']}:{match['minute2']}{second}")
    half = match["half"].lower().replace(".", "")
    minute = match["minute"] or match["more"] or "00"
    return time_form(f"{match['hour']}:{minute}" + (half if half in {"am", "pm"} else ""))
