"""What shows the promises, as parts of `docs/threat-model.md`: `python -m tests.promises_table` writes them there.

Three parts: the promise sentence by sentence with its limits, the rows of attacks with their tests, and all promises.
A test shows a row when its name says so: `test_row_24_…`, `test_rows_1_and_4_…`, `test_rows_8_to_12_…`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.promises import PROMISES, THE_PROMISE
from tests.test_promises import TESTS, all_named

DOCUMENT = TESTS.parent / "docs/threat-model.md"
_NAME = re.compile(r"test_rows?_((?:(?:\d+|and|to)_)+)")

ROWS: dict[int, str] = dict(
    enumerate(
        (
            "a poisoned tool description",
            "a poisoned parameter name, enum or default",
            "orders that are given before any call",
            "a tool that speaks of another server's tool",
            "orders in a server's instructions",
            "orders in its prompts and resources",
            "orders in an error text",
            "a description that changes after it was accepted",
            "a schema that is loosened",
            "a hint that is flipped to read-only",
            "1,000 announcements of changes a second",
            "a tool that vanishes in its own call",
            "another version of the server",
            "one name on two servers",
            "look-alike letters",
            "another case, width, or invisible characters",
            "slashes, newlines, 10 kB",
            "reserved names and separators",
            "ANSI sequences in description, result, approval",
            "bidirectional overrides",
            "invisible tag characters",
            "a Markdown image that carries data out",
            "OSC 8 links",
            "a carriage return over the line that is approved",
            "a server that asks for a completion",
            "a flood of such requests",
            "a server that asks for a password",
            "a server that asks to open a URL",
            "a server that asks for the host's folders",
            "a completion with all other servers' context",
            "a result of 100 MB",
            "structured content against its schema",
            "a link to a local file",
            "a blob with a lying type",
            "an error that gives orders",
            "a result after its time, or after cancellation",
            "JSON 10,000 deep",
            "a key twice",
            "NaN, 1e999, huge integers",
            "invalid UTF-8",
            "unpaired surrogates",
            "a line of 200 MB",
            "two messages on a line, blank lines, a byte order mark",
            "schemas that a careless checker never finishes",
            "an unknown response id",
            "a response twice",
            "an id that is used again",
            'the text "1" for the number 1',
            "a foreign progress token",
            "a request before the handshake",
            "a downgraded protocol version",
            "a crash, a hang, a byte a second, an exit in a call",
            "a flood on stderr, an orphan, an ignored SIGTERM",
            "100,000 notifications",
        ),
        start=1,
    )
)


def rows_in(name: str) -> Iterator[int]:
    """The rows that a test's name is about: `test_rows_1_to_4_and_10_…` is about 1, 2, 3, 4 and 10."""
    match = _NAME.match(name)
    words = match[1].rstrip("_").split("_") if match else []
    if name.startswith("test_row_"):  # one row; whatever numbers follow are the attack's
        words = words[:1]
    for place, word in enumerate(words):
        if word == "to" and 0 < place < len(words) - 1:
            yield from range(int(words[place - 1]) + 1, int(words[place + 1]))
        elif word.isdigit():
            yield int(word)


def rows_shown() -> dict[int, list[tuple[str, str]]]:
    """Row → the tests that show it, each as file and name."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path in sorted(TESTS.rglob("test_threat_rows.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for row in rows_in(node.name):
                    found.setdefault(row, []).append((str(path.relative_to(TESTS)), node.name))
    return found


def the_promise() -> str:
    """Each sentence of the promise: what it does not mean, and what shows its parts."""
    named = all_named()
    sentences = {promise.name: promise.sentence for promise in PROMISES}
    lines: list[str] = []
    for whole in THE_PROMISE:
        lines += [f"### {whole.sentence}", "", "What it does not mean:", ""]
        lines += [f"- {limit}" for limit in whole.limits]
        lines += ["", "| it means | shown in |", "|---|---|"]
        lines += [f"| {sentences[name]} | {_links(named.get(name, []))} |" for name in whole.shown_by]
        lines.append("")
    return "\n".join(lines)


def rows_table() -> str:
    """One line a row: the attack, and the tests that name it."""
    found = rows_shown()
    lines = ["| row | attack or fault | shown by |", "|---|---|---|"]
    for row, attack in ROWS.items():
        by_file: dict[str, list[str]] = {}
        for file, name in found.get(row, []):
            by_file.setdefault(file, []).append(name)
        shown = "; ".join(
            f"{_link(file)} {', '.join(f'`{name}`' for name in names)}" for file, names in by_file.items()
        )
        lines.append(f"| {row} | {attack} | {shown} |")
    return "\n".join(lines) + "\n"


def table() -> str:
    """One row a promise that is no part of the sentences above: the sentence, and the files whose tests show it."""
    named, told = all_named(), {name for whole in THE_PROMISE for name in whole.shown_by}
    rows = ["| promise | shown in |", "|---|---|"]
    for promise in PROMISES:
        if promise.name not in told:
            rows.append(f"| {promise.sentence} | {_links(named.get(promise.name, []))} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """The document with its parts as they should be."""
    for name, part in (("promise", the_promise()), ("rows", rows_table()), ("promises", table())):
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = place.sub(lambda match, part=part: match[1] + part + match[2], text)
    return text


def _links(files: list[str]) -> str:
    return ", ".join(_link(file) for file in dict.fromkeys(files))


def _link(file: str) -> str:
    return f"[{Path(file).parent}/{Path(file).stem.removeprefix('test_')}](../tests/{file})".replace("[./", "[")


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
