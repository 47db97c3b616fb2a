"""A household: meters and tariffs, insurance claims, contacts, a shopping list, lamps and locks."""

from benchmarks.worst_case.home.tasks import HOME

__all__ = ["HOME"]
