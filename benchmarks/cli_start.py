"""What does it cost to start the command line?"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers import Aim, Answer
from benchmarks.stats import p50, p95

_LIMIT = 0.15
_ROUNDS = 15
_RUNS = 3
_SCRIPT = '[[turns]]\ntext = "Done."\n'


async def measure(folder: Path) -> list[Answer]:
    """CPU seconds of whole processes, taking turns; and the way of a run to its first event."""
    gatehost = str(Path(sys.executable).with_name("gatehost"))
    ways = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "gatehost --version": [gatehost, "--version"],
        "python -c 'import mcp'": [sys.executable, "-c", "import mcp"],
    }
    environ = {**os.environ, "GATEHOST_HOME": str(folder / "home")}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(_ROUNDS):
        for name, argv in ways.items():
            if "mcp" in name and number % 5:
                continue
            used, taken = _cost(argv, folder, environ)
            cpu[name].append(used)
            wall[name].append(taken)
    base = p50(cpu["python -c pass"])
    rows: list[tuple[str | float, ...]] = [
        (name, p50(cpu[name]), p95(cpu[name]), p50(wall[name]), p50(cpu[name]) / base) for name in ways
    ]
    script = folder / "script.toml"
    script.write_text(_SCRIPT, encoding="utf-8")
    argv = [gatehost, "run", "--model", f"scripted:{script}", "--output", "jsonl", "Say done."]
    first = [_first_event(argv, folder, environ) for _ in range(_RUNS)]
    used = [_cost(argv, folder, environ) for _ in range(_RUNS)]
    rows.append(
        (
            "gatehost run, scripted, whole",
            p50([u for u, _ in used]),
            "",
            p50([w for _, w in used]),
            p50([u for u, _ in used]) / base,
        )
    )
    rows.append(("gatehost run, to its first event", "", "", p50(first), ""))
    aims = [Aim("CPU of gatehost --version", p50(cpu["gatehost --version"]), _LIMIT, "s")]
    return [
        Answer("Starting the command line", ("command", "CPU s p50", "CPU s p95", "wall s p50", "CPU ×"), rows, aims)
    ]


def _cost(argv: Sequence[str], folder: Path, environ: dict[str, str]) -> tuple[float, float]:
    """CPU seconds (user and system, children included) and wall seconds of one process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - started


def _first_event(argv: Sequence[str], folder: Path, environ: dict[str, str]) -> float:
    started = time.perf_counter()
    with subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - started
        process.stdout.read()
    if b"run.started" not in line or process.returncode:
        raise RuntimeError(f"gatehost run ended with {process.returncode}, first line {line[:200]!r}")
    return taken
