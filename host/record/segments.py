"""The record's files: `000001.jsonl`, `000002.jsonl`, …

Decides: names, order, and reading lines. Does not decide what a line must say (`chain`, `verify`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"\d{6,}\.jsonl")
LINE_LIMIT = 16 * 1024**2
"""Longest line that is read, in bytes. Contents stand apart, so that honest lines have a few kilobytes."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line as it stands in its file.

    Attributes:
        segment: File name.
        number: Of the line in its file, from 1.
        data: Without the line feed.
        whole: False when the line feed is missing.
    """

    segment: str
    number: int
    data: bytes
    whole: bool


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.jsonl"


def segment_paths(folder: Path) -> list[Path]:
    """All segments in order; none when there is no folder."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=lambda path: int(path.stem))


def read_lines(extent: Sequence[tuple[Path, int]]) -> Iterator[RawLine]:
    """Lines of the files, each up to its size in bytes.

    Raises:
        OSError: a file cannot be read.
    """
    for path, size in extent:
        left, number = size, 0
        with path.open("rb") as file:
            while left > 0:
                data = file.readline(min(left, LINE_LIMIT))
                if not data:
                    break
                left -= len(data)
                number += 1
                yield RawLine(path.name, number, data.removesuffix(b"\n"), data.endswith(b"\n"))
