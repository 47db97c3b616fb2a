"""A host that opens a sandbox and is killed: `python -m tests.sandboxes.killed_host KIND HOME RUN MODE`.

Prints `open` once the server stands, then waits for its end.
"""

import sys
from pathlib import Path

import anyio

from sandboxes.interface import SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.registry import get
from tests.hostile.programs import hostile_program


async def main(kind: str, home: str, run_id: str, mode: str) -> None:
    spec = SandboxSpec("killed", run_id, this_process(), hostile_program(mode), env={"CONFORMANCE_RUN": run_id})
    async with get(kind).make(SandboxHome(Path(home))).open(spec):
        print("open", flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
