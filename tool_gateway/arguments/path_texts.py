"""Texts that name files: how a server may read them, and when a place lies in another.

Decides: the readings of a text, and containment by components. Does not decide what a path resolves to
(evidence from the host), nor follow a link; the sandbox's mounts are the guarantee.

Never a string prefix: `/repo-evil` does not lie in `/repo`. `path_within` compares exactly. `not_within`
compares the way a lenient file system or server might, since there a near miss is a hole: without regard
to case, width, invisible characters and trailing dots (`.GIT`, `.git.`, `GIT~1`; CVE-2014-9390), and with
wildcards taken for what they could match.
"""

import posixpath
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from context.visible_text import escape_line, is_hidden

LONGEST = 4096
"""Characters of a path; as PATH_MAX."""

_WILD = re.compile(r"[*?\[{]")
_FILE_URL = re.compile(r"file:", re.IGNORECASE)
_SHORT_NAME = re.compile(r"(.{1,6})~[0-9]{1,3}")
_MOST_PARTS = 256


def path_readings(text: str) -> tuple[str, ...] | str:
    """The ways in which a server may read `text` as a path; all must be judged. A text: why none is safe.

    The text itself comes first (of a `file:` URL, its path). Others come where it is not plain: with `..`
    collapsed before any link is followed, with compatibility characters (full-width dots) made plain,
    with invisible characters and outer white space dropped.
    """
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if not (text.isascii() and text.isprintable()) and any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        return "contains control characters"
    if _FILE_URL.match(text):
        path = _file_url(text)
        return _variants(path[0]) if isinstance(path, tuple) else path
    return _variants(text)


def outside(place: str, folders: Sequence[str]) -> bool:
    """Whether the resolved path `place` lies in none of `folders`. A path that is not absolute lies outside."""
    if not place.startswith("/"):
        return True
    parts = _normal(place)
    return not any(parts[: len(root)] == root for root in map(_normal, folders))


def within_forbidden(place: str, entries: Sequence[str]) -> str | None:
    """The entry that `place` lies in, or may lie in; None when it lies in none.

    An entry that begins with `/` is a place in the sandbox. Any other is a name, or names, that no path may
    contain anywhere: `.git`, `.vscode/tasks.json`. Of a relative `place` it is not known where it starts,
    so it is taken to lie in an absolute entry when it could.
    """
    parts = _folded(_normal(place))
    forbidden = _forbidden(tuple(entries))
    if forbidden.names is not None and not any(part in forbidden.names or _stands_for_others(part) for part in parts):
        return None
    for entry, wanted in forbidden.entries:
        if not wanted:
            return entry  # the root: everything lies in it
        if entry.startswith("/"):
            starts = [wanted] if place.startswith("/") else [wanted[skip:] for skip in range(len(wanted))]
            if any(_begins(parts, start) for start in starts):
                return entry
        elif any(_begins(parts[skip:], wanted) for skip in range(len(parts))):
            return entry
    return None


def folder_fault(entry: str) -> str | None:
    """Why `entry` cannot stand in `path_within`, or None."""
    shown = escape_line(entry, 80)
    if not entry.startswith("/"):
        return f"{shown} is not absolute; write the path as seen inside the sandbox"
    if posixpath.normpath(entry).lstrip("/") != entry.strip("/") or "//" in entry:
        return f"{shown} is not in its plain form; write it without ., .. and //"
    return None


def entry_fault(entry: str) -> str | None:
    """Why `entry` cannot stand in `not_within`, or None."""
    if entry.startswith("/"):
        return folder_fault(entry)
    if not _normal(entry) or ".." in entry.split("/") or posixpath.normpath(entry) != entry.rstrip("/"):
        return f"{escape_line(entry, 80) or 'an empty text'} is neither an absolute path nor a plain name such as .git"
    return None


def _variants(text: str) -> tuple[str, ...] | str:
    plain = text.strip()
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(char for char in unicodedata.normalize("NFKC", text) if not is_hidden(char)).strip()
    found: list[str] = []
    for reading in dict.fromkeys((text, plain)):
        fault = _unsafe(reading)
        if fault is not None:
            return fault
        found.append(reading)
        if ".." in reading.split("/"):
            found.append(posixpath.normpath(reading))
    return tuple(dict.fromkeys(found))


def _unsafe(text: str) -> str | None:
    if "\\" in text:
        return "contains a backslash, which some servers read as a separator"
    if text.startswith("~"):
        return "begins with ~, which some servers read as a home folder"
    if "{" in text and ".." in text:
        return "contains braces and .., which may expand to a path elsewhere"
    if any(_may_climb(part) for part in text.split("/")):
        return "contains a wildcard that may match .."
    return None


def _file_url(text: str) -> tuple[str] | str:
    """The path of a `file:` URL in a one-tuple, or why there is none that all readers would agree on."""
    rest = text[len("file:") :]
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        if host.lower() not in {"", "localhost"}:
            return "is a file URL of another host"
    if not rest.startswith("/") or rest.startswith("//") or "?" in rest or "#" in rest:
        return "is no plain file URL"
    if re.search(r"%(?:2f|5c|00|25)", rest, re.IGNORECASE):
        return "is a file URL with an encoded separator"
    try:
        path = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        return "is a file URL that is no UTF-8"
    if ".." in path.split("/"):
        return "is a file URL with .."
    if any(unicodedata.category(char) == "Cc" for char in path):
        return "contains control characters"
    return (path,)


def _may_climb(part: str) -> bool:
    return part[:1] in {".", "{", "["} and bool(_WILD.search(part)) and _may_match(part, "..")


def _normal(path: str) -> list[str]:
    """Components after `.`, `//` and `..`; a leading `..` of a relative path is dropped."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return parts


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """Entries with their folded components.

    Attributes:
        names: One of them is a component of every place that lies in an entry, wildcards aside; None: nothing is sure.
    """

    entries: tuple[tuple[str, list[str]], ...]
    names: frozenset[str] | None


@lru_cache(maxsize=256)
def _forbidden(entries: tuple[str, ...]) -> _Forbidden:
    read = tuple((entry, _folded(_normal(entry))) for entry in entries)
    if not all(wanted for _, wanted in read):
        return _Forbidden(read, None)
    # Of a relative place it is not known where in an absolute entry it starts.
    starts = (wanted if entry.startswith("/") else wanted[:1] for entry, wanted in read)
    return _Forbidden(read, frozenset(name for names in starts for name in names))


def _stands_for_others(part: str) -> bool:
    """Whether a component may mean another name than its own: a wildcard, or a short name (`GIT~1`)."""
    return bool(_WILD.search(part)) or _SHORT_NAME.fullmatch(part) is not None


def _folded(parts: Sequence[str]) -> list[str]:
    folded = [_fold(part) for part in parts]
    return [part for part in folded if part]


def _fold(part: str) -> str:
    plain = part.lower()
    if not (plain.isascii() and plain.isprintable()):
        visible = "".join(char for char in unicodedata.normalize("NFKD", part) if not is_hidden(char))
        plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", visible.casefold())).casefold()
    # NTFS ignores trailing dots and spaces, and a colon starts a stream name (`.git::$INDEX_ALLOCATION`).
    return plain.split(":", 1)[0].strip().rstrip(". ") or plain


def _begins(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether `parts`, wildcards taken for what they could match, begin with `wanted`."""
    states = {0}
    for part in parts[:_MOST_PARTS]:
        if len(wanted) in states:
            return True
        if "**" in part:
            states = set(range(min(states, default=0), len(wanted) + 1)) if states else states
        else:
            states = {state + 1 for state in states if _same_part(part, wanted[state])}
        if not states:
            return False
    return len(wanted) in states


def _same_part(part: str, wanted: str) -> bool:
    if part == wanted:
        return True
    short = _SHORT_NAME.fullmatch(part)
    if short is not None:
        stem = wanted.replace(".", "").replace(" ", "")
        return stem.startswith(short[1].replace(".", ""))
    return bool(_WILD.search(part)) and _may_match(part, wanted)


def _may_match(pattern: str, text: str) -> bool:
    """Whether a wildcard component could stand for `text`: `[…]` for any character, `{…}` for anything."""
    simple = re.sub(r"\[[^\]]*\]?", "?", re.sub(r"\{.*", "*", pattern))
    states = {0}
    for char in simple:
        if char == "*":
            states = set(range(min(states), len(text) + 1))
        else:
            states = {state + 1 for state in states if state < len(text) and (char == "?" or char == text[state])}
        if not states:
            return False
    return len(text) in states
