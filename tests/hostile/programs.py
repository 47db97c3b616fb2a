"""The hostile server as a program for each kind of sandbox."""

from pathlib import Path

from sandboxes.interface import Mount, Program

FOLDER = Path(__file__).resolve().parent
INSIDE = "/hostile"


def hostile_program(mode: str, *options: str, image: str | None = None) -> Program:
    """`server.py MODE`, mounted read-only at `/hostile`; run by the `python3` that the sandbox has."""
    return Program(
        argv=("/usr/bin/python3", "-I", f"{INSIDE}/server.py", mode, *options),
        mounts=(Mount(FOLDER, INSIDE),),
        image=image,
    )
