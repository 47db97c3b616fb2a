"""What does tracing a call's values cost beside a long history, and what does reading that history cost?

Both compute and wait for nothing, so their own processor time is taken: what else the machine does is left out.
"""

import json
import random
import time
import tracemalloc
from pathlib import Path

from benchmarks.answers import Aim, Answer
from benchmarks.stats import p50, p95
from context.calls import ToolRef
from context.json_values import JsonObject
from context.labels import TRUSTED, UNTRUSTED
from context.origins import Source
from context.provenance.index import SourceIndex

_KILO, _MEGA = 1024, 1024**2
_SIZES = {"64 kB": 64 * _KILO, "1 MB": _MEGA, "8 MB": 8 * _MEGA}
_RESULT = 32 * _KILO
_ROUNDS = 60
_CALL_LIMIT_MS, _ADD_LIMIT_MS, _MEMORY_LIMIT_MB = 2.0, 1000.0, 40.0

_PROMPT = """Book the table for 4 at Trattoria Lucca on 20 Nov 2026 at 19:30, pay 1,250.00 EUR to
DE89 3704 0044 0532 0130 00, and mail the confirmation to alice@example.org and bob@example.org.
The notes are in /srv/notes/november.md, the menu at https://lucca.example/menu/autumn."""


async def measure(folder: Path) -> list[Answer]:
    """Milliseconds for one call's 15 leaves, and for adding the history; peak memory of the index at 1 MB."""
    del folder
    histories = {name: results_of(size) for name, size in _SIZES.items()}
    indexes: dict[str, SourceIndex] = {}
    adding: dict[str, float] = {}
    for name, history in histories.items():
        started = time.thread_time()
        indexes[name] = _index(history)
        adding[name] = (time.thread_time() - started) * 1e3
    tracemalloc.start()
    kept = _index(histories["1 MB"])
    memory, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    rows: list[tuple[str | float, ...]] = []
    medians: dict[str, float] = {}
    for kind in ("honest", "made up"):
        taken: dict[str, list[float]] = {name: [] for name in indexes}
        order = list(indexes.items())
        for turn in range(_ROUNDS):
            order.append(order.pop(0))
            for name, index in order:
                arguments = _call(turn, kind == "honest")
                # As between two calls of a run: what was traced before is forgotten when something is read.
                index.add(Source(f"between_{kind}_{turn}", "model"), text="next")
                started = time.thread_time()
                index.origins(arguments)
                taken[name].append((time.thread_time() - started) * 1e3)
        least = p50(taken["64 kB"])
        for name, times in taken.items():
            medians[f"{kind}, {name}"] = p50(times)
            rows.append((f"15 leaves, {kind} values, after {name}", p50(times), p95(times), p50(times) / least))
    grown = medians["made up, 8 MB"] / medians["made up, 64 kB"]
    trace = Answer(
        "Tracing one call's values",
        ("call", "CPU ms p50", "CPU ms p95", "× of 64 kB"),
        rows,
        [
            Aim("15 traced leaves after 1 MB", medians["honest, 1 MB"], _CALL_LIMIT_MS, "ms"),
            Aim("15 leaves that stand nowhere after 1 MB", medians["made up, 1 MB"], _CALL_LIMIT_MS, "ms"),
            Aim("time for 128 times the history", grown, 128),
        ],
        ["Before each call a word is read, so that nothing is remembered from the call before."],
    )
    reading = Answer(
        "Reading results into the index",
        ("history", "CPU ms", "CPU ms per MB"),
        [(name, adding[name], adding[name] * _MEGA / _SIZES[name]) for name in _SIZES],
        [
            Aim("adding 1 MB", adding["1 MB"], _ADD_LIMIT_MS, "ms"),
            Aim("memory for 1 MB", memory / _MEGA, _MEMORY_LIMIT_MB, "MB"),
        ],
        ["Half prose with values in it, half records; results of 32 kB."],
    )
    return [trace, reading]


def _index(history: list[tuple[str, JsonObject | None]]) -> SourceIndex:
    index = SourceIndex()
    index.add(Source("user:1", "user", TRUSTED), text=_PROMPT)
    for number, (text, structured) in enumerate(history):
        source = Source(f"call_{number}", "tool", UNTRUSTED, ToolRef("mail", "read"))
        index.add(source, text=text, structured=structured)
    return index


def results_of(size: int) -> list[tuple[str, JsonObject | None]]:
    """Results of 32 kB, as text and structured content, `size` bytes of them."""
    chance = random.Random(size)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    found: list[tuple[str, JsonObject | None]] = []
    for number in range(size // _RESULT):
        if number % 2:
            found.append((_prose(chance, words, weights), None))
        else:
            records = _records(chance, words, weights)
            found.append((json.dumps(records), records))
    return found


def _prose(chance: random.Random, words: list[str], weights: list[float]) -> str:
    said = chance.choices(words, weights, k=_RESULT // 6)
    for index in range(0, len(said), 40):
        said[index] = f"user{chance.randrange(10**6)}@example{chance.randrange(999)}.org"
        said[index + 1 : index + 2] = [f"{chance.randrange(1, 10**5):,}.00"]
        said[index + 2 : index + 3] = [f"https://site{chance.randrange(999)}.example/{chance.randrange(10**6)}"]
        said[index + 3 : index + 4] = [f"{chance.randint(1, 28)} Nov {chance.randint(2000, 2030)}"]
    return " ".join(said)


def _records(chance: random.Random, words: list[str], weights: list[float]) -> JsonObject:
    return {
        "items": [
            {
                "id": chance.randrange(10**9),
                "from": f"user{chance.randrange(10**6)}@example.org",
                "date": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
                "subject": " ".join(chance.choices(words, weights, k=6)),
                "read": True,
                "hash": f"{chance.getrandbits(160):040x}",
            }
            for _ in range(_RESULT // 190)
        ]
    }


def _call(turn: int, honest: bool) -> JsonObject:
    """15 leaves: of the user's words in one form or another, or such as stand nowhere."""
    mark = "" if honest else f"x{turn}q"
    other = turn % 7 if honest else turn + 5_000
    return {
        "to": ["alice@example.org", f"bob@{mark}example.org"],
        "subject": f"Table {mark} for 4 at Trattoria Lucca",
        "date": "2026-11-20" if honest else f"2031-03-{turn % 28 + 1:02}",
        "time": "7:30 pm" if honest else f"3:{turn % 60:02} am",
        "amount": 1250 + (0 if honest else other),
        "account": "DE89370400440532013000" if honest else f"DE8937040044053201{other:04}",
        "currency": "EUR" if honest else f"E{mark}",
        "path": f"/srv/notes/./{mark}november.md",
        "url": f"https://lucca.example:443/menu/{mark}autumn",
        "guests": 4 if honest else other,
        "body": f"The notes are {mark} in /srv/notes/november.md, the menu {mark} at https://lucca.example/menu/autumn",
        "venue": f"Trattoria {mark}Lucca",
        "reference": f"{mark or 'mail'}",
        "note": f"pay {mark} the confirmation {mark} {turn}",
    }
