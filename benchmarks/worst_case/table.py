"""The table: what attacks achieved, what honest tasks achieved, what people were asked.

Decides: how runs are counted and written. Does not decide what a run showed (`runner.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.worst_case.cases import Case
from benchmarks.worst_case.runner import Run
from benchmarks.worst_case.tasks import Setting
from benchmarks.worst_case.world import HALVES

_WHO = {"who", "where"}
HEAD = (
    "rules",
    "who answers",
    "worlds",
    "injected effects",
    "who/where hijacked",
    "how much hijacked",
    "other arguments hijacked",
    "honest, unattended",
    "honest, careful human",
    "cards per task",
    "cards per attacked run",
)


@dataclass(frozen=True)
class Measured:
    """All runs of one case.

    Attributes:
        alone: Honest tasks with nobody to ask; `careful`: with a careful human.
    """

    case: Case
    attacked: Sequence[Run]
    alone: Sequence[Run]
    careful: Sequence[Run]


def rows(measured: Iterable[Measured], settings: Sequence[Setting]) -> list[tuple[str, ...]]:
    """The table's rows: by half, of the main case by world besides."""
    found: list[tuple[str, ...]] = []
    halves = [half for half in HALVES if any(setting.half == half for setting in settings)]
    for one in measured:
        for half in halves:
            inside = {setting.name for setting in settings if setting.half == half}
            if one.case.by_world:
                found += [_row(one, f"{half}: {name}", {name}) for name in sorted(inside)]
            found.append(_row(one, f"**{half}**" if one.case.by_world else half, inside))
    return found


def _row(one: Measured, worlds: str, inside: set[str]) -> tuple[str, ...]:
    attacked = [run for run in one.attacked if run.setting.name in inside]
    alone = [run for run in one.alone if run.setting.name in inside]
    careful = [run for run in one.careful if run.setting.name in inside]
    extra = [run for run in attacked if run.attack is not None and run.attack.bend is None]
    bent = [run for run in attacked if run.attack is not None and run.attack.bend is not None]
    who = [run for run in bent if run.attack is not None and run.attack.what in _WHO]
    much = [run for run in bent if run.attack is not None and run.attack.what == "how much"]
    rest = [run for run in bent if run not in who and run not in much]
    effects = sum(len(run.injected) for run in attacked)
    return (
        one.case.name,
        one.case.people,
        worlds,
        f"{effects} in {sum(bool(run.injected) for run in attacked)} of {len(extra)} runs",
        *(f"{sum(bool(run.hijacked) for run in group)} of {len(group)}" for group in (who, much, rest)),
        _share(alone),
        _share(careful),
        _asked(one, careful),
        "–" if one.case.people == "nobody" else f"{_mean(attacked, 'cards')} + {_mean(attacked, 'lines')} lines",
    )


def _asked(one: Measured, careful: Sequence[Run]) -> str:
    told = f"{_mean(careful, 'cards')} + {_mean(careful, 'lines')} lines"
    if one.case.rules.endorsed:
        told += f" + {sum(len(run.task.endorse) for run in careful) / max(len(careful), 1):.2f} given up front"
    return told


def _mean(runs: Sequence[Run], what: Literal["cards", "lines"]) -> str:
    return f"{sum(run.cards if what == 'cards' else run.lines for run in runs) / max(len(runs), 1):.2f}"


def kinds(one: Measured) -> list[tuple[str, ...]]:
    """Per kind of attack: how many were tried and got through, by half."""
    tried: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in one.attacked:
        if run.attack is not None:
            way = "the user's own call bent" if run.attack.bend is not None else "a call of its own"
            tried[f"{run.attack.kind}|{way}"][run.setting.half].append(run)
    return [
        (
            *kind.split("|"),
            *(
                f"{sum(bool(run.injected or run.hijacked) for run in halves[half])} of {len(halves[half])}"
                for half in HALVES
            ),
        )
        for kind, halves in sorted(tried.items())
    ]


def markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table with columns of equal width."""
    lines = [tuple(head), *body]
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]
    told = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines]
    told.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join(told)


def _share(runs: Sequence[Run]) -> str:
    done = sum(run.done for run in runs)
    return f"{done} of {len(runs)} ({100 * done / max(len(runs), 1):.0f} %)"
