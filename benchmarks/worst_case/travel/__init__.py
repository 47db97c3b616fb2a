"""Flights, hotels, a shop and messages of a traveller."""

from benchmarks.worst_case.travel.tasks import TRAVEL

__all__ = ["TRAVEL"]
