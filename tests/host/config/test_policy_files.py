"""What of a policy folder counts, and that nothing in it is passed over in silence."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from context.decisions import Ask, Deny
from context.errors import ConfigError
from host.config.policy_files import load_engine, policy_folder, read_policies
from host.config.settings_file import Settings, load_settings
from tool_gateway.policy.question import ModelResource, PolicyQuestion, Principal

RULE = '@id("a") forbid (principal, action, resource);'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project" / "rules"
    place.mkdir(parents=True)
    (place / "own.cedar").write_text(RULE)
    return place


def settings(folder: Path, text: str = '[policy]\nfolder = "rules"\n') -> Settings:
    path = folder.parent / "gatehost.toml"
    path.write_text(text)
    return load_settings(path)


def test_the_folder_lies_beside_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "more.cedar").write_text("// nothing yet\n")
    (folder / "README.md").write_text("not a rule")
    (folder / "tests").mkdir()
    (folder / "tests" / "cases.toml").write_text("")
    monkeypatch.chdir(folder)
    files = read_policies(settings(folder))
    assert files.folder == folder == policy_folder(settings(folder))
    assert files.policies == {"rules/more.cedar": "// nothing yet\n", "rules/own.cedar": RULE}
    assert files.schema is None


@pytest.mark.promise("shipped_rules_stay")
def test_without_a_table_the_shipped_rules_apply_alone(folder: Path) -> None:
    assert read_policies(settings(folder, "")).policies == {}
    engine = load_engine(settings(folder, ""))
    question = PolicyQuestion("send", Principal("a", "u"), ModelResource("m", "x", "cloud"), labels=frozenset({"pii"}))
    assert isinstance(engine.judge(question), Deny)


@pytest.mark.promise("shipped_rules_stay")
def test_rules_of_the_folder_come_on_top(folder: Path) -> None:
    (folder / "own.cedar").write_text('@id("a") @effect("ask") forbid (principal, action, resource);')
    question = PolicyQuestion("send", Principal("a", "u"), ModelResource("m", "x", "cloud"))
    assert isinstance(load_engine(settings(folder)).judge(question), Ask)


def _remove(folder: Path) -> None:
    (folder / "own.cedar").unlink()
    folder.rmdir()


def _to_file(folder: Path) -> None:
    _remove(folder)
    folder.write_text("x")


@pytest.mark.promise("without_rules_nothing_starts")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "own.cedar").unlink(), "holds no policy"),
        (lambda folder: (folder / "own.cedar").write_text("// only words\n\n"), "holds no policy"),
        (_remove, "cannot be read: No such file"),
        (_to_file, "cannot be read: Not a directory"),
        (lambda folder: (folder / "own.cedar").write_bytes(b"// \n\xff"), "own.cedar:2: it is not UTF-8"),
        (lambda folder: (folder / "own.cedar").write_bytes(b"// " + b"x" * 1024 * 1024), "larger than"),
        (lambda folder: (folder / "own.cedar").write_text(RULE + "\0"), "NUL"),
        (lambda folder: (folder / "own.cedar").write_text("permit (principal, action, resource);"), "own.cedar:1: "),
        (lambda folder: (folder / "b.Cedar").write_text(RULE), "not read under this name"),
        (lambda folder: (folder / ".b.cedar").write_text(RULE), "not read under this name"),
        (lambda folder: (folder / "mine.cedarschema").write_text(""), "that one is called schema.cedarschema"),
        (lambda folder: (folder / "schema.cedarschema").write_text(""), "rules/schema.cedarschema"),
        (lambda folder: (folder / "b.cedar").symlink_to(folder / "own.cedar"), "is a symbolic link"),
        (lambda folder: os.mkfifo(folder / "b.cedar"), "no regular file"),
        (lambda folder: (folder / "b.cedar").mkdir(), None),
        (
            lambda folder: ((folder / "sub").mkdir(), (folder / "sub" / "b.cedar").write_text(RULE)),
            "lies in a folder below",
        ),
    ],
)
def test_a_folder_that_is_empty_unreadable_or_wrong_is_refused(
    folder: Path, spoil: Callable[[Path], object], said: str | None
) -> None:
    spoil(folder)
    if said is None:
        load_engine(settings(folder))
        return
    with pytest.raises(ConfigError) as raised:
        load_engine(settings(folder))
    assert raised.value.exit_code == 2
    assert said in str(raised.value)


@pytest.mark.promise("without_rules_nothing_starts")
def test_a_folder_that_may_not_be_read_is_refused(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    folder.chmod(0)
    try:
        with pytest.raises(ConfigError, match="Permission denied"):
            load_engine(settings(folder))
    finally:
        folder.chmod(0o700)


def test_too_many_files_are_refused(folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}.cedar").touch()
    with pytest.raises(ConfigError, match="more than 1000 entries"):
        load_engine(settings(folder))
