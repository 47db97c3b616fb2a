"""A bank account with papers and an inbox."""

from benchmarks.worst_case.bank.tasks import BANK

__all__ = ["BANK"]
