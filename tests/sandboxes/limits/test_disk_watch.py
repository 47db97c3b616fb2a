"""What a server adds to its writable folders."""

import os
from pathlib import Path

from sandboxes.limits.disk_watch import DiskWatch


def test_what_was_added_to_writable_folders_is_counted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(os.urandom(3 * 2**20))
    watch = DiskWatch([tmp_path], 2**20, clock=lambda: (tmp_path / "old").stat().st_ctime + 2)
    assert watch.look() is None
    watch._since = 0.0
    watch._next_walk = 0.0
    assert "more than 1 MiB" in (watch.look() or "")


def test_a_folder_that_vanished_ends_nobody(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    watch = DiskWatch([gone], 2**20)
    gone.rmdir()
    assert watch.look() is None


def test_files_that_were_there_do_not_count_and_changed_ones_do(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(os.urandom(2**20))
    now = (tmp_path / "old").stat().st_ctime + 2
    watch = DiskWatch([tmp_path], 2**19, clock=lambda: now)
    assert watch.look() is None
    watch._since = (tmp_path / "old").stat().st_ctime - 1
    watch._next_walk = 0.0
    assert "limits.disk" in (watch.look() or "")
