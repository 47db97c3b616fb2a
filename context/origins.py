"""Where values come from: sources of a run's content, and where in them a value was seen.

Decides: the words (source, sighting, origin) and what makes an origin trusted. Does not decide how a value is
looked for (`context.provenance`), nor what an untrusted one means for a call (`tool_gateway.provenance`).
"""

from dataclasses import dataclass
from typing import Literal

from context.calls import ToolRef
from context.json_values import JsonObject, JsonValue
from context.labels import TRUSTED, Label

SourceKind = Literal["user", "config", "tool", "model"]

SightingKind = Literal["exact", "normalised", "decoded", "inside", "pieces"]
"""How a value was found: as it stands; in another form (case, Unicode, date, number, path, URL); encoded there;
inside a longer word or value; only in pieces. Only `exact` and `normalised` make a value trusted."""


@dataclass(frozen=True, slots=True)
class Source:
    """One piece of content that a run has read.

    Attributes:
        source_id: Unique in the run: `user:1`, `config`, a call id, `model:3`.
        ref: The tool, for results.
        arguments: The call's own arguments, for results: what `server.tool[arg=value]` is matched against.
        label: As the operator declared it for results; trusted for the user and the configuration. A model's own
            words are never trusted.
    """

    source_id: str
    kind: SourceKind
    label: Label = TRUSTED
    ref: ToolRef | None = None
    arguments: JsonObject | None = None

    @property
    def trusted(self) -> bool:
        return self.kind != "model" and self.label.integrity == "trusted"

    @property
    def described(self) -> str:
        """For people: `the user's words`, `the result of git.git_log`."""
        match self.kind:
            case "user":
                return "the user's words"
            case "config":
                return "the configuration"
            case "model":
                return "the model"
            case "tool":
                return f"the result of {self.ref}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place where a value was seen.

    Attributes:
        passage: At most 200 characters around it, escaped for people.
        field: JSON path in the structured result, e.g. `events[0].start`; None in free text.
        whole: The value is the whole field.
    """

    source: Source
    how: SightingKind
    passage: str
    field: str | None = None
    whole: bool = False

    @property
    def proves(self) -> bool:
        """Whether the sighting alone makes a value trusted."""
        return self.source.trusted and self.how in {"exact", "normalised"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one leaf of a call's arguments was seen, best sighting first. None at all: it was made up.

    Attributes:
        path: Of the leaf in the arguments, e.g. `to[0].address`.
    """

    path: str
    value: JsonValue
    sightings: tuple[Sighting, ...] = ()

    @property
    def trusted(self) -> bool:
        return any(sighting.proves for sighting in self.sightings)

    @property
    def best(self) -> Sighting | None:
        return self.sightings[0] if self.sightings else None

    @property
    def described(self) -> str:
        """For people and for JSON: `the user's words`, `the result of web.fetch`, `not seen anywhere`."""
        return self.best.source.described if self.best else "not seen anywhere"
