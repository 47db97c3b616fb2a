"""How much a family of processes holds."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from sandboxes.limits.memory_watch import holds_more, watch_memory

MEGA = 1024**2
# Takes so many megabytes, in itself and in a child that shares them all, and says when.
HOLDER = """
import os, sys
held = bytearray(int(sys.argv[1]) * 2**20)
for place in range(0, len(held), 4096):
    held[place] = 1
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(megabytes: int) -> Generator[int, None, None]:
    argv = [sys.executable, "-I", "-S", "-c", HOLDER, str(megabytes)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def test_pages_that_a_fork_shares_count_once() -> None:
    with holder(80) as first:
        assert holds_more(first, 60 * MEGA)
        assert not holds_more(first, 140 * MEGA), "both processes show 80 MB"


def test_a_family_that_is_gone_holds_nothing() -> None:
    assert not holds_more(2**22 + 1, 0)


async def test_too_much_is_told_once() -> None:
    told: list[str] = []
    with holder(80) as first, anyio.fail_after(10):
        await watch_memory(first, 64 * MEGA, told.append)
    assert told == ["used more than 64 MiB of memory (limits.memory)"]
