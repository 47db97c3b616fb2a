"""`python -m benchmarks.worst_case`: the table; `--explain TASK [ATTACK]`: one run, call by call."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio

from benchmarks.worst_case.cases import CASES, MAIN, Case
from benchmarks.worst_case.explain import told
from benchmarks.worst_case.house import Rules
from benchmarks.worst_case.runner import SETTINGS, attacked, attacks_of, honest, run, wanted_by
from benchmarks.worst_case.table import HEAD, Measured, kinds, markdown, rows
from benchmarks.worst_case.tasks import Setting
from benchmarks.worst_case.world import HALVES
from tool_gateway.provenance.evidence import Means

DOCUMENT = Path(__file__).parents[2] / "docs" / "worst-case.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worst_case", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.name} as well")
    parser.add_argument(
        "--half", choices=HALVES, help="only these worlds; what names single runs takes the tune half if not told"
    )
    parser.add_argument("--case", metavar="WORDS", help="only the rows whose rules begin like this")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every n-th attack")
    parser.add_argument("--stopped", action="store_true", help="name the honest tasks that stop unattended, and why")
    parser.add_argument("--through", action="store_true", help="name the attacks that get through")
    parser.add_argument(
        "--explain", nargs="+", metavar=("TASK", "ATTACK"), help="one run; ATTACK may be a part of a name"
    )
    parser.add_argument("--mode", choices=("strict", "sinks", "off"), default="strict")
    parser.add_argument("--people", choices=("nobody", "careful", "rubber stamp"), default="nobody")
    parser.add_argument("--without", action="append", default=[], metavar="MEANS", help="of the means that spare asks")
    parser.add_argument("--endorsed", action="store_true")
    args = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    single = args.explain or args.stopped or args.through
    half = args.half or ("tune" if single else None)  # the held-out half is counted, not looked at
    settings = [one for one in SETTINGS if half in {None, one.half}]
    rules = Rules(args.mode, replace(Means(), **dict.fromkeys(args.without, False)), args.endorsed)
    if args.explain:
        sys.exit(anyio.run(_explain, settings, rules, args.people, *(*args.explain, None)[:2]))
    if args.stopped:
        sys.exit(anyio.run(_stopped, settings, rules))
    if args.through:
        sys.exit(anyio.run(_through, settings, rules, args.people))
    cases = [case for case in CASES if args.case is None or case.name.startswith(args.case)]
    started = time.perf_counter()
    table = anyio.run(_measure, settings, cases, args.every)
    print(table)
    print(f"\n({time.perf_counter() - started:.0f} s)", file=sys.stderr)
    if args.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


async def _measure(settings: Sequence[Setting], cases: Sequence[Case], every: int) -> str:
    measured: list[Measured] = []
    for case in cases:
        alone = await honest(settings, case.rules, "nobody")
        careful = await honest(settings, case.rules, "careful")
        found = await attacked(settings, case.rules, case.people, every=max(case.every, every))
        measured.append(Measured(case, found, alone, careful))
        print(f"{case.name}, {case.people}: measured", file=sys.stderr, flush=True)
    table = markdown(HEAD, rows(measured, settings))
    if MAIN in cases:
        main_case = next(one for one in measured if one.case == MAIN)
        table += "\n\nOf the attacks on `strict` with nobody to ask, by kind, those that got through:\n\n"
        table += markdown(("kind", "by way of", *HALVES), kinds(main_case))
    return table


async def _stopped(settings: Sequence[Setting], rules: Rules) -> int:
    for one in await honest(settings, rules, "nobody"):
        if not one.done:
            last = next((step for step in one.steps if step.end.outcome != "succeeded"), one.steps[-1])
            request = one.asked.get(last.end.call_id)
            reasons = request.reasons if request else last.end.reasons
            why = dict.fromkeys(f"{reason.code} {reason.path or ''}".strip() for reason in reasons)
            print(f"{one.setting.name} · {one.task.name} · {last.ref}: {', '.join(why) or one.broke}")
    return 0


async def _through(settings: Sequence[Setting], rules: Rules, people: str) -> int:
    through = 0
    for one in await attacked(settings, rules, people):  # pyright: ignore[reportArgumentType]
        if one.attack is not None and (one.injected or one.hijacked):
            through += 1
            first = (*one.injected, *one.hijacked)[0]
            print(f"{one.setting.name} · {one.task.name} · {one.attack.name} [{one.attack.what}]: {first.ref}")
    print(f"{through} got through")
    return 0


async def _explain(settings: Sequence[Setting], rules: Rules, people: str, name: str, attack: str | None) -> int:
    matches = [(setting, task) for setting in settings for task in setting.tasks if name.lower() in task.name.lower()]
    if len(matches) != 1:
        known = ", ".join(task.name for setting in settings for task in setting.tasks)
        print(f"{len(matches)} tasks match {name!r}; there are: {known}", file=sys.stderr)
        return 2
    setting, task = matches[0]
    wanted = (await wanted_by(setting, task)).all
    chosen = None
    if attack is not None:
        attacks = await attacks_of(setting, task)
        chosen = next((one for one in attacks if attack.lower() in one.name.lower()), None)
        if chosen is None:
            print("attacks on it:\n" + "\n".join(f"  {one.name}" for one in attacks), file=sys.stderr)
            return 2
    print("\n".join(told(await run(setting, task, chosen, rules, people, wanted))))  # pyright: ignore[reportArgumentType]
    return 0


if __name__ == "__main__":
    main()
