"""Promises and their tests as a table in `docs/threat-model.md`: `python -m tests.promises_table` writes it there."""

import re
from pathlib import Path

from tests.promises import PROMISES
from tests.test_promises import all_named

DOCUMENT = Path(__file__).parent.parent / "docs/threat-model.md"
_PLACE = re.compile(r"(<!-- promises -->\n).*?(<!-- /promises -->)", re.DOTALL)


def table() -> str:
    """One row a promise: the sentence, and the files whose tests show it."""
    named = all_named()
    rows = ["| promise | shown in |", "|---|---|"]
    for promise in PROMISES:
        files = ", ".join(f"`tests/{name}`" for name in dict.fromkeys(named.get(promise.name, [])))
        rows.append(f"| {promise.sentence} | {files} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """The document with the table as it should be."""
    return _PLACE.sub(lambda match: match[1] + table() + match[2], text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
