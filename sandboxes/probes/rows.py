"""The table of outcomes: one row a probe, from its attempts.

Decides: how attempts make a row, and how rows are written as JSON and as a table. Does not run anything (`runner`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context.json_values import JsonObject
from context.visible_text import escape_line
from sandboxes.probes.catalogue import PROBES, Probe
from sandboxes.probes.inside.trials import Outcome

_DETAIL = 2000
_WORST_FIRST: tuple[Outcome, ...] = ("allowed", "denied", "not_applicable")


@dataclass(frozen=True, slots=True)
class Row:
    """One probe's outcome. `detail` is escaped."""

    probe: int
    name: str
    outcome: Outcome
    detail: str

    def as_json(self) -> JsonObject:
        return {"probe": self.probe, "name": self.name, "outcome": self.outcome, "detail": self.detail}


def row(probe: Probe, found: Sequence[tuple[Outcome, str]]) -> Row:
    """The worst outcome of the probe's attempts, with what was seen of that kind first."""
    outcome: Outcome = "allowed"
    for each in _WORST_FIRST:
        if any(each == other for other, _ in found):
            outcome = each
            break
    details = [text for each, text in found if each == outcome]
    details += [f"{each.replace('_', ' ')}: {text}" for each, text in found if each != outcome]
    return Row(probe.number, probe.name, outcome, escape_line("; ".join(details), _DETAIL))


def merged(columns: Mapping[str, Sequence[Row]]) -> list[Row]:
    """One row a probe over several sandboxes: the worst outcome, and what each of them said.

    Args:
        columns: Heading → its rows.
    """
    found: list[Row] = []
    for probe in PROBES:
        said: list[tuple[Outcome, str]] = []
        for name, rows in columns.items():
            said.extend((item.outcome, f"{name}: {item.detail}") for item in rows if item.probe == probe.number)
        found.append(row(probe, said))
    return found


def table(columns: Mapping[str, Sequence[Row]]) -> str:
    """Probe × sandbox in Markdown. What is not denied is explained below.

    Args:
        columns: Heading → its rows.
    """
    marks = {"denied": "denied", "allowed": "**allowed**", "not_applicable": "n/a"}
    lines = [f"| # | probe | {' | '.join(columns)} |", f"|---|---|{'---|' * len(columns)}"]
    for probe in PROBES:
        cells = [_cell(rows, probe.number, marks) for rows in columns.values()]
        lines.append(f"| {probe.number} | {_plain(probe.name)} | {' | '.join(cells)} |")
    notes = [
        f"- {heading}, {item.probe} {_plain(item.name)}: {item.outcome.replace('_', ' ')}: {_plain(item.detail)}"
        for heading, rows in columns.items()
        for item in rows
        if item.outcome != "denied"
    ]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _cell(rows: Sequence[Row], number: int, marks: Mapping[str, str]) -> str:
    return next((marks[item.outcome] for item in rows if item.probe == number), "")


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
