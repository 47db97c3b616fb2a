"""Every promise is shown by a test that names it, and every name that a test gives is a promise."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.promises import PROMISES, THE_PROMISE

TESTS = Path(__file__).parent


def _named_in(source: str) -> Iterator[str]:
    """The promises that `@pytest.mark.promise("…")` names on tests of one file."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                yield from (argument.value for argument in mark.args if isinstance(argument, ast.Constant))


def all_named() -> dict[str, list[str]]:
    """Promise → the test files that name it."""
    named: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in _named_in(path.read_text(encoding="utf-8")):
            named.setdefault(name, []).append(str(path.relative_to(TESTS)))
    return named


def test_every_promise_is_shown_by_a_test() -> None:
    named = all_named()
    assert [promise.name for promise in PROMISES if promise.name not in named] == []


def test_every_promise_that_a_test_names_exists() -> None:
    known = {promise.name for promise in PROMISES}
    assert {name: files for name, files in all_named().items() if name not in known} == {}


def test_promises_are_named_once_and_say_something() -> None:
    assert [name for name, count in Counter(promise.name for promise in PROMISES).items() if count > 1] == []
    for promise in PROMISES:
        assert promise.name.isidentifier(), promise
        assert promise.sentence.endswith("."), promise
        assert promise.source, promise


def test_each_sentence_of_the_promise_is_made_of_promises_and_has_its_limits() -> None:
    known = {promise.name for promise in PROMISES}
    for whole in THE_PROMISE:
        assert whole.shown_by, whole.sentence
        assert whole.limits, whole.sentence
        assert [name for name in whole.shown_by if name not in known] == []


def test_the_scan_sees_marks_on_tests_and_on_nothing_else() -> None:
    source = """
@pytest.mark.promise("one")
@pytest.mark.promise("two")
def test_something(): ...
@pytest.mark.promise("three")
async def test_waiting(): ...
@pytest.mark.promise("four")
def helper(): ...
'@pytest.mark.promise("five")'
"""
    assert sorted(_named_in(source)) == ["one", "three", "two"]
