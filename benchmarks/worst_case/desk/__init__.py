"""An issue tracker, a code forge and an announcement list."""

from benchmarks.worst_case.desk.tasks import DESK

__all__ = ["DESK"]
