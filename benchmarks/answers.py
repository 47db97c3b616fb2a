"""What a benchmark says, and how it is printed.

Decides: the shape of an answer (a table, the aims, remarks) and its two forms. Does not decide what is measured.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim with what was measured; met when `measured <= limit`."""

    name: str
    measured: float
    limit: float
    unit: str = "×"

    @property
    def met(self) -> bool:
        return self.measured <= self.limit

    def line(self) -> str:
        verdict = "met" if self.met else "MISSED"
        return f"{verdict:<6}  {self.name}: {self.measured:.2f} {self.unit} (aim: at most {self.limit:g} {self.unit})"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    Attributes:
        columns: Of `rows`; the first one names the row.
        notes: What a reader must know to read the figures.
    """

    question: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def text(self) -> str:
        cells = [list(self.columns), *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = [self.question, ""]
        for row in cells:
            first, *rest = (cell.ljust(width) if index == 0 else cell.rjust(width)
                            for index, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
            lines.append("  " + "  ".join((first, *rest)).rstrip())
        lines += ["", *(f"  {aim.line()}" for aim in self.aims), *(f"  {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "aims": [{**asdict(aim), "met": aim.met} for aim in self.aims],
            "notes": list(self.notes),
        }


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"
