"""The seam between tracing and judging: what a gate may ask of everything that a run has read.

Decides: the Protocol and the value kinds. Does not decide how values are recognised (`values.py`) or found
(`index.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from context.json_values import JsonObject, JsonValue
from context.origins import Origin, Source

ValueKind = Literal[
    "address",  # e-mail
    "url",
    "path",
    "amount",  # with or without a currency
    "number",
    "date",
    "time",
    "moment",  # date and time
    "account",  # IBAN, card, account number
    "phone",
    "identifier",  # ids, hashes, handles, ticket numbers
    "flag",  # true, false, yes, no
    "name",  # one or few capitalised words
    "text",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One value that a source offers.

    Attributes:
        value: As it stands there.
        canonical: Equal for values that mean the same (`2026-11-20`, `20 Nov 2026`).
        field: JSON path of the whole field that it is; None for one found in free text.
        record: JSON path of the object that holds the field (`events[2]`); None for free text.
    """

    value: JsonValue
    kind: ValueKind
    canonical: str
    field: str | None = None
    record: str | None = None


class Sources(Protocol):
    """Everything that a run has read so far. Judging it needs no clock and no I/O."""

    @property
    def sources(self) -> Sequence[Source]:
        """In the order in which they were read."""
        ...

    @property
    def tainted(self) -> bool:
        """Whether content from an untrusted source (a tool's; a model's own words do not count) was read."""
        ...

    def origin(self, value: JsonValue, *, path: str = "") -> Origin:
        """Where one leaf was seen, best sighting first: proving ones, then exact before inside, early before late."""
        ...

    def origins(self, arguments: JsonObject) -> tuple[Origin, ...]:
        """One for each leaf, keys that the caller chose included as leaves of their own (path ends in `{key}`)."""
        ...

    def candidates(self, source_id: str) -> tuple[Candidate, ...]:
        """All typed values of a source: whole fields of its structure first, then those found in free text."""
        ...

    def text(self, source_id: str) -> str:
        """Its free text, as added."""
        ...

    def structure(self, source_id: str) -> JsonValue:
        """Its structured content, as added, or the JSON that its text is; None where it has none."""
        ...
