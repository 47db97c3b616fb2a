"""What is kept of a server's stderr."""

from sandboxes.wire.stderr_ring import BYTES_PER_SECOND, StderrRing


def test_the_newest_bytes_are_kept_and_no_more() -> None:
    ring = StderrRing(limit=10, clock=lambda: 5.0)
    ring.add(b"0123456789abcdef")
    ring.add(b"XYZ")
    assert ring.text() == "9abcdefXYZ"
    assert ring.total == 19


def test_bytes_that_are_no_text_do_not_fail() -> None:
    ring = StderrRing(clock=lambda: 5.0)
    ring.add(b"\xff\x1b[2J\n")
    assert ring.text() == "\ufffd\x1b[2J\n"


def test_a_flood_is_slowed_down_to_the_next_second() -> None:
    now = 5.0
    ring = StderrRing(clock=lambda: now)
    assert ring.add(b"x" * BYTES_PER_SECOND) == 0
    assert 0 < ring.add(b"x") <= 1
    now += 1
    assert ring.add(b"x") == 0
