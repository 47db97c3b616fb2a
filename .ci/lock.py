"""Writes the two hash-pinned locks: what the program needs, and what working on it needs. Called by `make lock`.

The locks hold for every platform and name no package index, so they work behind any mirror. Versions stay
where they are unless `--upgrade` is given.
"""

import sys
import tomllib
from pathlib import Path

import anyio

from sandboxes.packages.clients import run_uv
from sandboxes.runtime.host_commands import last_words

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock`; installed with `pip install --require-hashes`. Names no package index.\n"
COMPILE = (
    *("pip", "compile", "pyproject.toml", "-", "--quiet", "--universal", "--python-version", "3.11"),
    *("--only-binary", ":all:", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
)


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # An editable install without build isolation needs the build backend in the environment.
    backend = [*project["build-system"]["requires"], "editables"]
    write("requirements.lock", [], [])
    write("requirements-dev.lock", ["--group", "dev", "--constraint", "requirements.lock"], backend)


def write(name: str, extra: list[str], wanted: list[str]) -> None:
    """uv prefers the versions of an output file that exists, which is what keeps them where they are."""
    lock = ROOT / name
    staging = ROOT / ".venv" / name
    if lock.exists() and "--upgrade" not in sys.argv:
        staging.write_text(lock.read_text())
    else:
        staging.unlink(missing_ok=True)

    async def compile_lock() -> None:
        done = await run_uv(
            [*COMPILE, *extra, "--output-file", str(staging)],
            timeout=300,
            cwd=ROOT,
            stdin="".join(f"{line}\n" for line in wanted).encode(),
        )
        if done.code != 0:
            sys.exit(f"uv could not lock {name}{last_words(done.stderr)}")

    anyio.run(compile_lock)
    text = HEADER + staging.read_text().removeprefix(HEADER)
    if not lock.exists() or lock.read_text() != text:
        lock.write_text(text)
        print(f"wrote {name}")  # noqa: T201 -- a script for developers
    staging.unlink()


main()
