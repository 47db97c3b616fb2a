"""What an answer cites, and whether the run read it.

Decides: what counts as a citation (a URL, a file's path, `[call:ID]`), and that it was read: it stands, whole, in the
arguments or in the result of a call that succeeded. Does not decide whether the source says what the answer says it
says, nor what becomes of an answer whose citations fail (`after`).

Paths are absolute with at least two names, or relative with a `/` and an ending (`src/app.py`): other texts with a
slash (and/or, km/h) are words.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from context.json_values import JsonObject, leaves

MOST = 1_000
"""Citations that are looked at in one answer."""

_URL = re.compile(r"https?://[^\s<>\"'`\\^{|}\[\]]+", re.IGNORECASE)
_CALL = re.compile(r"\[call:([A-Za-z0-9_-]{1,64})\]")
_PATH = re.compile(
    r"(?<![\w/.:@~+-])(?:~?/(?:[\w.+@-]+/)+[\w.+@-]+|(?:\.{1,2}/)?(?:[\w.+@-]+/)+[\w.+@-]*\.[A-Za-z][A-Za-z0-9]{0,7})(?![\w/])"
)
_TRAILING = ".,;:!?*_)'\""


@dataclass(frozen=True, slots=True)
class ReadSource:
    """One call of the run that succeeded.

    Attributes:
        text: Of its result, structured content included, as the model was shown it.
    """

    call_id: str
    arguments: JsonObject
    text: str


@dataclass(frozen=True, slots=True)
class Citations:
    """Citations of an answer, each once, in the order of their kinds."""

    urls: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.urls or self.paths or self.calls)


def citations(text: str) -> Citations:
    """What `text` cites."""
    urls, rest = _urls(text)
    return Citations(
        tuple(dict.fromkeys(urls))[:MOST],
        tuple(dict.fromkeys(_paths(rest)))[:MOST],
        tuple(dict.fromkeys(_CALL.findall(text)))[:MOST],
    )


def unread(cited: Citations, sources: Iterable[ReadSource]) -> Iterator[str]:
    """Each citation of something that the run did not read."""
    wanted_paths = {_plain_path(path) for path in cited.paths}
    urls: set[str] = set()
    paths: set[str] = set()
    calls: set[str] = set()
    for source in sources:
        calls.add(source.call_id)
        said = [source.text, *(str(leaf) for _, leaf in leaves(source.arguments) if isinstance(leaf, str))]
        for text in said:
            found, rest = _urls(text)
            urls.update(map(_plain_url, found))
            if wanted_paths:
                for path in _paths(rest):
                    paths.update(_endings(_plain_path(path), wanted_paths))
        if wanted_paths:
            # An argument may be a bare name such as `README.md`, which is a path because a tool took it for one.
            paths.update(path for path in map(_plain_path, said[1:]) if path in wanted_paths)
    yield from (url for url in cited.urls if _plain_url(url) not in urls)
    yield from (path for path in cited.paths if _plain_path(path) not in paths)
    yield from (f"[call:{call}]" for call in cited.calls if call not in calls)


def _urls(text: str) -> tuple[list[str], str]:
    """URLs, and the text without them."""
    found = [match.rstrip(_TRAILING) for match in _URL.findall(text)] if "://" in text else []
    return found, _URL.sub(" ", text) if found else text


def _paths(text: str) -> Iterator[str]:
    if "/" in text:
        for match in _PATH.finditer(text):
            yield match[0].rstrip(_TRAILING)


def _endings(path: str, wanted: set[str]) -> Iterator[str]:
    """The path and what it ends in, of what is wanted: a file read as `/repo/src/a.py` may be cited as `src/a.py`."""
    rest = path
    for _ in range(64):
        if rest in wanted:
            yield rest
        _, slash, rest = rest.partition("/")
        if not slash:
            return


def _plain_path(path: str) -> str:
    return path.removeprefix("./").removeprefix("~/").strip("/")


def _plain_url(url: str) -> str:
    """Without fragment and closing slash, scheme and host in lower case: what leads to the same page."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower()
    except ValueError:
        return url
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}" + (f"?{parts.query}" if parts.query else "")
