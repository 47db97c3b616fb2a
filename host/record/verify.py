"""Does the record still say what was written? Reads all of it and names the first wrong entry.

Decides: what is compared, and how a fault is named. Does not decide what to do about it, and changes nothing.

Two witnesses are heard. The chain alone finds an edit, a removal, an insertion or a new order in the middle.
The journal's index of acknowledged entries also finds a cut end and a chain that was forged anew from some
entry on. Who can rewrite both files consistently is not found; that takes a checkpoint kept elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

from context.json_values import JsonObject
from host.record.chain import GENESIS, Line, Malformed, is_canonical, link, parse, placed
from host.record.contents import Content
from host.record.log import Head
from host.record.segments import RawLine, read_lines

FaultKind = Literal["edited", "removed", "inserted", "reordered", "truncated", "torn", "content"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows of an entry that it acknowledged.

    Attributes:
        payload: The line's parts, until it was known to be on disk.
        n, link: Its place and hash, once the process that wrote it had told.
    """

    payload: bytes | None
    n: int | None
    link: str | None


class Index(Protocol):
    """The journal as a witness."""

    def known(self, entry_id: str) -> Known | None: ...

    def last(self) -> int:
        """The highest number that an acknowledged entry got."""
        ...

    def contested(self) -> int | None:
        """The lowest number that two acknowledged entries got: the record was cut in between."""
        ...

    def content(self, entry_id: str, name: str) -> Content | None:
        """What is kept of one content; None when it was erased."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """The first wrong entry.

    Attributes:
        n: The number that the right entry has, or would have, at this place.
        segment, line: Where that is; empty and 0 behind the end.
    """

    n: int
    kind: FaultKind
    detail: str
    segment: str = ""
    line: int = 0

    def sentence(self) -> str:
        place = f" ({self.segment} line {self.line})" if self.segment else ""
        return f"entry {self.n}{place}: {self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found.

    Attributes:
        head: Entries that verify, and the hash of the last of them.
        erased: Contents whose digest stands in the record and whose value was erased.
    """

    head: Head
    fault: Fault | None = None
    erased: int = 0

    @property
    def ok(self) -> bool:
        return self.fault is None

    def as_json(self) -> JsonObject:
        fault: JsonObject | None = None
        if self.fault is not None:
            fault = {
                "n": self.fault.n,
                "kind": self.fault.kind,
                "detail": self.fault.detail,
                "segment": self.fault.segment,
                "line": self.fault.line,
            }
        return {
            "ok": self.ok,
            "entries": self.head.entries,
            "head": self.head.link,
            "erased_contents": self.erased,
            "fault": fault,
        }


def verify(extent: Sequence[tuple[Path, int]], index: Index | None, *, last: int = 0) -> Verdict:
    """Check every line of the segments.

    Args:
        extent: Segments with their sizes (`RecordLog.extent`).
        index: The journal; None for a copy of the record alone, which leaves a cut end unnoticed.
        last: `index.last()`, read before `extent` was: what is acknowledged later may not stand in it.

    Raises:
        OSError: a segment cannot be read.
    """
    head = Head()
    erased = 0
    told = False
    for raw in read_lines(extent):
        number = head.entries + 1
        try:
            line = _readable(raw)
        except _Wrong as wrong:
            return Verdict(head, Fault(number, wrong.kind, wrong.detail, raw.segment, raw.number), erased)
        known = index.known(line.entry_id) if index is not None else None
        fault = _place_fault(line, raw, head, known, extent, told) or _journal_fault(line, raw, number, known, index)
        if fault is not None:
            return Verdict(head, fault, erased)
        fault, gone = _content_fault(line, raw, index)
        if fault is not None:
            return Verdict(head, fault, erased)
        erased += gone
        head = Head(number, link(raw.data))
        told = known is not None and (known.link is not None or known.payload is not None)
    contested = index.contested() if index is not None else None
    if contested is not None:
        detail = "the journal acknowledged another entry under this number before; the record was cut in between"
        return Verdict(head, Fault(contested, "removed", detail), erased)
    if head.entries < last:
        detail = f"the record ends after entry {head.entries}, and the journal acknowledged {last}"
        return Verdict(head, Fault(head.entries + 1, "truncated", detail), erased)
    return Verdict(head, None, erased)


class _Wrong(Exception):
    def __init__(self, kind: FaultKind, detail: str) -> None:
        self.kind: FaultKind = kind
        self.detail = detail
        super().__init__(detail)


def _readable(raw: RawLine) -> Line:
    if not raw.whole:
        raise _Wrong("torn", "the line ends in the middle")
    try:
        line = parse(raw.data)
    except Malformed as error:
        raise _Wrong("edited", f"the line {error}") from error
    if not is_canonical(raw.data, line):
        raise _Wrong("edited", "the line is not in canonical form (RFC 8785)")
    return line


def _place_fault(
    line: Line,
    raw: RawLine,
    head: Head,
    known: Known | None,
    extent: Sequence[tuple[Path, int]],
    told: bool,
) -> Fault | None:
    """Number and link against the line before. `told`: the journal has confirmed that one byte for byte."""
    number = head.entries + 1
    if line.n != number:
        if known is not None and known.n == number:
            return Fault(number, "edited", f"its number was changed to {line.n}", raw.segment, raw.number)
        if line.n < number:
            return Fault(number, "inserted", f"the line repeats number {line.n}", raw.segment, raw.number)
        if _appears_later(number, extent):
            detail = f"entry {line.n} stands in its place, and it stands further on"
            return Fault(number, "reordered", detail, raw.segment, raw.number)
        return Fault(number, "removed", f"entry {line.n} stands in its place", raw.segment, raw.number)
    if line.prev != head.link:
        if head.link == GENESIS or told:
            return Fault(number, "edited", "it does not link to the entry before it", raw.segment, raw.number)
        detail = f"entry {number} links to other bytes than these"
        return Fault(number - 1, "edited", detail, raw.segment, max(raw.number - 1, 1))
    return None


def _journal_fault(line: Line, raw: RawLine, number: int, known: Known | None, index: Index | None) -> Fault | None:
    if index is None:
        return None
    if known is None:
        return Fault(number, "inserted", "the journal never acknowledged this entry", raw.segment, raw.number)
    if known.n is not None and known.n != number:
        detail = f"the journal knows this entry as number {known.n}"
        return Fault(number, "reordered", detail, raw.segment, raw.number)
    expected = known.link
    if known.payload is not None:
        expected = link(placed(known.payload, number, line.prev))
    if expected is not None and expected != link(raw.data):
        return Fault(number, "edited", "the journal acknowledged other bytes", raw.segment, raw.number)
    return None


def _content_fault(line: Line, raw: RawLine, index: Index | None) -> tuple[Fault | None, int]:
    contents = line.fields.get("contents")
    if index is None or not isinstance(contents, dict):
        return None, 0
    erased = 0
    for name, digest in cast("dict[str, object]", contents).items():
        content = index.content(line.entry_id, name)
        if content is None:
            erased += 1
        elif not content.matches(str(digest)):
            detail = f"the kept {name} is not what the entry's digest was made of"
            return Fault(line.n, "content", detail, raw.segment, raw.number), erased
    return None, erased


def _appears_later(number: int, extent: Sequence[tuple[Path, int]]) -> bool:
    for raw in read_lines(extent):
        try:
            if parse(raw.data).n == number:
                return True
        except Malformed:
            continue
    return False
