"""Mail and calendar of a small studio."""

from benchmarks.worst_case.office.tasks import OFFICE

__all__ = ["OFFICE"]
