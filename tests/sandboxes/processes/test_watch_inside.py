"""The watch over what is executed, on this machine's own kernel: what it does does not depend on the runtime's."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandboxes.interface import Mount, Program, SandboxSpec
from sandboxes.processes import watch_inside
from sandboxes.processes.exec_places import launched
from sandboxes.processes.watch_inside import _lies_in, _stays_outside

PYTHON = "/usr/bin/python3"
# This kernel has Landlock, and the watch would leave everything to it.
TEXT = Path(watch_inside.__file__).read_text().replace("_LANDLOCK = 444", "_LANDLOCK = 9999")


def watched(closed: Path, *command: str, must: str = "must", said: str = "") -> subprocess.CompletedProcess[str]:
    argv = [PYTHON, "-I", "-S", "-c", TEXT, must, f"{closed}:/tmp/gatehost-closed", *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, input=said)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A writable folder with a script, a program and links in it."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "script").write_text("#!/bin/sh\necho it ran\n")
    shutil.copyfile("/usr/bin/env", folder / "program")
    for name in ("script", "program"):
        (folder / name).chmod(0o755)
    (folder / "link").symlink_to("/usr/bin/env")
    (tmp_path / "way-in").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "{closed}/script",
        "{closed}/program",
        "{closed}/link",
        "{closed}/../way-in/script",
        "{closed}/../way-in/link",
        "cd {closed} && ./script",
        "cd {closed} && ./program",
        "cd /usr/bin && ./env",
        "exec {closed}/script",
        'python3 -c \'import os; os.execv("{closed}/script", ["x"])\'',
        'python3 -c \'import os; os.execv("/proc/self/fd/%d" % os.open("{closed}/program", 0), ["x"])\'',
        "(sleep 0; {closed}/script) & wait $!",
    ],
)
def test_nothing_that_came_from_a_writable_place_comes_to_run(command: str, closed: Path) -> None:
    done = watched(closed, "/bin/sh", "-c", f"{command.format(closed=closed)} && echo worked; echo went on")
    assert "it ran" not in done.stdout
    assert "worked" not in done.stdout
    assert "was not executed" in done.stderr


def test_all_else_runs_as_if_nobody_watched(closed: Path) -> None:
    script = (
        f"read line; echo $line; sh {closed}/script; "
        "python3 -c 'import subprocess, threading; "
        't = threading.Thread(target=lambda: print(subprocess.run(["/bin/echo", "in a thread"]).returncode)); '
        "t.start(); t.join()'; sleep 20 & kill -STOP $!; kill -CONT $!; kill $!; wait $!; echo ended $?; exit 7"
    )
    done = watched(closed, "/bin/sh", "-c", script, said="told\n")
    assert done.stdout.splitlines() == ["told", "it ran", "in a thread", "0", "ended 143"]
    assert done.returncode == 7
    assert "sandbox:" not in done.stderr


def test_a_signal_that_ends_the_server_is_told_as_a_shell_would(closed: Path) -> None:
    assert watched(closed, "/bin/sh", "-c", "kill -SEGV $$").returncode == 128 + 11


def test_all_that_is_watched_ends_with_the_watch(closed: Path) -> None:
    mark = f"GATEHOST_KIT={os.getpid()}".encode()
    script = f"export {mark.decode()}; sleep 60 & kill -KILL $PPID; sleep 60"
    assert watched(closed, "/bin/sh", "-c", script).returncode == -9
    assert [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _carries(pid, mark)] == []


def test_where_nothing_can_be_traced_only_try_starts_it(closed: Path) -> None:
    denied = TEXT.replace("_LIBC.ptrace(request", "_LIBC.ptrace(-1")
    for must, code in (("must", 126), ("try", 0)):
        argv = [PYTHON, "-I", "-S", "-c", denied, must, str(closed), "/bin/echo", "started"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, done.stdout) == (code, "started\n" if must == "try" else "")
        assert ("cannot be watched" in done.stderr) == (must == "must")


@pytest.mark.parametrize(
    ("path", "outside"),
    [
        ("{t}/open/file", True),
        ("{t}/open/../open/file", True),
        ("{t}/closed/file", False),
        ("{t}/closed", False),
        ("{t}/closed/../open/file", False),
        ("{t}/closed-beside/file", True),
        ("{t}/open/in/file", False),
        ("{t}/open/back/file", False),
        ("{t}/open/loop/file", False),
        ("open/file", False),
        ("", False),
    ],
)
def test_a_way_is_followed_step_by_step(path: str, outside: bool, tmp_path: Path) -> None:
    for name in ("open", "closed", "closed-beside"):
        (tmp_path / name).mkdir()
    (tmp_path / "open" / "in").symlink_to("../closed")
    (tmp_path / "closed" / "out").symlink_to(tmp_path / "open")
    (tmp_path / "open" / "back").symlink_to(tmp_path / "closed" / "out")
    (tmp_path / "open" / "loop").symlink_to("loop")
    assert _stays_outside(path.format(t=tmp_path), [str(tmp_path / "closed")]) is outside


def test_a_place_is_a_folder_and_not_a_prefix() -> None:
    assert _lies_in("/a/b", ["/a"])
    assert _lies_in("/a", ["/a"])
    assert not _lies_in("/ab", ["/a"])


@pytest.mark.parametrize(("mode", "must"), [("rw", "must"), ("ro", "try")])
def test_a_server_with_a_writable_mount_never_starts_unwatched(mode: str, must: str, tmp_path: Path) -> None:
    spec = SandboxSpec("kit", "r", "o", Program(("x",)), mounts=(Mount(tmp_path, "/data", mode),))  # type: ignore[arg-type]
    command = launched(spec, own_kernel=True)
    assert command[5] == must
    assert command[7] == PYTHON and command[-1] == "x"
    assert max(map(len, command)) < 128 * 1024, "the longest argument that Linux takes (MAX_ARG_STRLEN)"


def _carries(folder: Path, mark: bytes) -> bool:
    try:
        return mark in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
