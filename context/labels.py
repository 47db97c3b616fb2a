"""Labels: how far a piece of content is trusted, and who may see it.

Decides: the lattice and how labels join. Does not decide what a label forbids (that is policy)
nor where a label comes from (configuration, or the content's source).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Integrity = Literal["trusted", "untrusted"]


@dataclass(frozen=True, slots=True)
class Label:
    """Integrity plus a set of confidentiality words (`pii`, `secret`, `restricted`, or the operator's own)."""

    integrity: Integrity = "untrusted"
    confidentiality: frozenset[str] = field(default_factory=frozenset[str])

    def join(self, other: "Label") -> "Label":
        """The label of content made from both: no more trusted, no less confidential than either."""
        worst: Integrity = "trusted" if self.integrity == other.integrity == "trusted" else "untrusted"
        return Label(worst, self.confidentiality | other.confidentiality)


TRUSTED = Label("trusted")
UNTRUSTED = Label("untrusted")


def join_all(labels: Iterable[Label]) -> Label:
    """The join of many labels; of none: trusted and public."""
    joined = TRUSTED
    for label in labels:
        joined = joined.join(label)
    return joined
