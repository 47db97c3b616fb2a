"""Hundreds of runs, and nothing is left of them: `python -m tests.soak.runs ROUNDS [SANDBOX]`.

First as many programs (`gatehost run`), then as many runs within one long-lived process that keeps started
sandboxes. Afterwards there must be no container, no network, no process, no zombie, no lease and no slot of theirs,
and the memory of the long-lived process must have stayed flat. Exit 1 at the first thing that is left.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from host.approvers.deny import DenyApprover
from host.config.workshop import Workshop, open_workshop
from host.home import find_home
from host.journal import Journal
from host.runs.flags import RunFlags
from host.runs.runner import RunRequest, carry_out
from host.servers.kept import KeptServers
from tests.hostile.programs import FOLDER, INSIDE

GATEHOST = str(Path(sys.executable).with_name("gatehost"))
NAME = f"soak-{secrets.token_hex(3)}"
FLAT_KIB = 8 * 1024
_SERVERS = """
version = 1
[servers.{name}]
command = ["/usr/bin/python3", "-I", "{inside}/server.py", "honest"]
sandbox = "{sandbox}"
mounts = [{{ host = "{folder}", at = "{inside}" }}]
env = {{ SOAK = "{name}" }}
pool = 2
[servers.{name}.tools.echo]
effect = "read"
"""
_SCRIPT = """
[[turns]]
text = "Let me see."
[[turns.calls]]
tool = "{name}.echo"
arguments = {{ text = "round" }}
[[turns]]
text = "Done."
"""


class Left(RuntimeError):
    """Something was left behind, or memory grew."""


def main() -> None:
    rounds = int(sys.argv[1])
    sandbox = sys.argv[2] if len(sys.argv) > 2 else "docker"
    with TemporaryDirectory(prefix="gatehost-soak-") as scratch:
        project = _project(Path(scratch), sandbox)
        zombies, networks = set(_zombies()), _networks(sandbox)
        try:
            _programs(project, rounds)
            _nothing_is_left(project, sandbox, zombies, networks)
            anyio.run(_one_process, project, rounds)
            _nothing_is_left(project, sandbox, zombies, networks)
        except Left as left:
            print(f"soak: {left}", file=sys.stderr)
            raise SystemExit(1) from left
    print(f"soak: {2 * rounds} runs in {sandbox}, and nothing is left")


def _project(folder: Path, sandbox: str) -> Path:
    home = folder / "home"
    runtime = find_home().sandbox_home().folder / "runtime"
    home.mkdir(mode=0o700)
    (home / "runtime").symlink_to(runtime)
    os.environ["GATEHOST_HOME"] = str(home)
    os.chdir(folder)
    text = _SERVERS.format(name=NAME, inside=INSIDE, sandbox=sandbox, folder=FOLDER)
    (folder / "mcp_servers.toml").write_text(text, encoding="utf-8")
    (folder / "script.toml").write_text(_SCRIPT.format(name=NAME), encoding="utf-8")
    _gatehost(folder, "mcp", "accept", NAME, "--yes", "--servers", "mcp_servers.toml")
    return folder


def _gatehost(folder: Path, *arguments: str) -> str:
    done = subprocess.run([GATEHOST, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Left(f"`gatehost {' '.join(arguments)}` ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _programs(folder: Path, rounds: int) -> None:
    arguments = ["run", "go", "--model", "scripted:script.toml", "--output", "json", "--servers", "mcp_servers.toml"]
    began = time.monotonic()
    for number in range(rounds):
        report = json.loads(_gatehost(folder, *arguments))
        if [call["outcome"] for call in report["calls"]] != ["succeeded"]:
            raise Left(f"run {number + 1}: its call did not succeed: {report['calls']}")
    print(f"{rounds} programs: {(time.monotonic() - began) / rounds:.2f} s each", flush=True)


async def _one_process(folder: Path, rounds: int) -> None:
    workshop = open_workshop(config=None, servers=str(folder / "mcp_servers.toml"))
    sizes: list[int] = []
    began = time.monotonic()
    async with KeptServers().running() as kept:
        with Journal.open(workshop.home.journal) as journal:
            for _ in range(rounds):
                await _run(replace(workshop, kept=kept), journal)
                sizes.append(_resident_kib())
    each = (time.monotonic() - began) / rounds
    settled = sizes[len(sizes) // 4]
    print(f"{rounds} runs in one process: {each:.2f} s each, {settled} KiB after a quarter, {sizes[-1]} at the end")
    if sizes[-1] - settled > FLAT_KIB:
        raise Left(f"memory grew by {sizes[-1] - settled} KiB over the last {rounds - rounds // 4} runs: {sizes[::10]}")


async def _run(workshop: Workshop, journal: Journal) -> None:
    request = RunRequest(flags=RunFlags(model="scripted:script.toml", approvals="deny"), task="go")
    report = await carry_out(request, workshop=workshop, journal=journal, approver=DenyApprover(), tellers=())
    if report.exit_code != 0 or [call.state for call in report.calls] != ["succeeded"]:
        raise Left(f"a run in one process ended with {report.exit_code}: {report.fault}")


def _nothing_is_left(folder: Path, sandbox: str, zombies: set[str], networks: set[str]) -> None:
    """Ends that are under way may take a moment; nothing may stay."""
    deadline = time.monotonic() + 20
    while (left := _left(folder, sandbox, zombies, networks)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if left:
        raise Left(f"left behind: {', '.join(left)}")
    pruned = json.loads(_gatehost(folder, "sandbox", "prune", "--json"))["removed"]
    ours = [row for row in pruned if NAME in str(row.get("name"))]
    if ours:
        raise Left(f"`sandbox prune` still found {ours}")


def _left(folder: Path, sandbox: str, zombies: set[str], networks: set[str]) -> list[str]:
    found = [f"zombie {name}" for name in _zombies() if name not in zombies]
    found += [f"process {name}" for name in _processes()]
    found += [f"file {path}" for kind in ("leases", "slots") for path in (folder / "home" / kind).glob("*")]
    if sandbox == "docker":
        found += [
            f"container {name}" for name in _docker("ps", "-a", "-q", "--filter", f"label=gatehost.server={NAME}")
        ]
        found += [f"network {name}" for name in _networks(sandbox) - networks]
    return found


def _docker(*arguments: str) -> Sequence[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.split()


def _networks(sandbox: str) -> set[str]:
    return set(_docker("network", "ls", "-q")) if sandbox == "docker" else set()


def _zombies() -> list[str]:
    """Every zombie that can be seen: an orphaned one is no child of ours any more."""
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if stat[stat.rindex(")") + 2] == "Z":
                found.append(folder.name)
    return found


def _processes() -> list[str]:
    mark = f"SOAK={NAME}".encode()
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(folder.name)
            except OSError:
                continue
    return found


def _resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    main()
