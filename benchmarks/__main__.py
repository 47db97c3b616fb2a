"""`python -m benchmarks`: every question, or those that are named; a table, or `--json`."""

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from benchmarks import cli_start, gates_alone, governed_call, long_line, policy, provenance, sandboxes, ten_servers
from benchmarks.answers import Answer

QUESTIONS: dict[str, Callable[[Path], Awaitable[list[Answer]]]] = {
    "call": governed_call.measure,
    "gates": gates_alone.measure,
    "policy": policy.measure,
    "provenance": provenance.measure,
    "line": long_line.measure,
    "sandboxes": sandboxes.measure,
    "start": cli_start.measure,
    "servers": ten_servers.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all when left out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    args = parser.parse_args()
    if unknown := set(args.questions) - QUESTIONS.keys():
        parser.error(f"there is no question {', '.join(sorted(unknown))}; there are {', '.join(QUESTIONS)}")
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="gatehost-bench-") as folder:
        machine = _machine(Path(folder))
        if not args.json:
            print(" · ".join(f"{name} {value}" for name, value in machine.items()), end="\n\n")
        answers = anyio.run(_ask, args.questions or list(QUESTIONS), Path(folder), not args.json)
    if args.json:
        json.dump({"machine": machine, "answers": [answer.as_json() for answer in answers]}, sys.stdout, indent=2)
        print()


async def _ask(names: list[str], folder: Path, aloud: bool) -> list[Answer]:
    answers: list[Answer] = []
    for name in names:
        started = time.perf_counter()
        place = folder / name
        place.mkdir()
        found = await QUESTIONS[name](place)
        answers += found
        if aloud:
            for answer in found:
                print(answer.text(), flush=True)
            print(f"  ({name} took {time.perf_counter() - started:.0f} s)\n", flush=True)
    return answers


def _machine(folder: Path) -> dict[str, str]:
    """What the figures depend on, and nothing that names the machine."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "Python": platform.python_version(),
        "Linux": platform.release().split("-")[0],
        "filesystem": _filesystem(folder),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _filesystem(folder: Path) -> str:
    place = folder.resolve()
    best = ("", "unknown")
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, at, kind, *_ = line.split()
        if place.is_relative_to(at) and len(at) >= len(best[0]):
            best = (at, kind)
    return best[1]


if __name__ == "__main__":
    main()
