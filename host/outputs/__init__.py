"""How a headless run is told: progress lines for people, events for machines, one final object for both."""

from host.outputs.lines import JsonLines, ProgressLines, Teller
from host.outputs.report import RunReport

__all__ = ["JsonLines", "ProgressLines", "RunReport", "Teller"]
