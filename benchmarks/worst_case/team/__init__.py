"""Chat, drive and wiki of a product team."""

from benchmarks.worst_case.team.tasks import TEAM

__all__ = ["TEAM"]
