"""What other programs execute is written by no tool, however the arguments name it."""

import base64
import io
import tarfile
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.decisions import Allow, Deny
from tests.fakes.gateway import evidence, known_tool, proposal
from tool_gateway.arguments.executable_paths import EXECUTABLE, executable
from tool_gateway.gates.composition import CompositionGate

GATE = CompositionGate()


def judged(arguments, *, effect="write", paths=None, **rule):
    tool = known_tool("files.write_file", effect=effect)
    tool = replace(tool, rule=tool.rule.model_copy(update=rule))
    return GATE.judge(proposal(tool, arguments), evidence(tool, paths=paths or {}))


@pytest.mark.promise("nothing_executable_is_written")
@pytest.mark.parametrize(
    "path",
    [
        *("/repo/.git/hooks/pre-commit", ".git/config", "/repo/.GIT/config", "/repo/.git./config"),
        *("/repo/GIT~1/config", "/repo/.vscode/tasks.json", "/repo/.envrc", "sub/package.json"),
        *("/repo/x/../.git/config", "C:\\r\\.git\\config", " .git/config", "/repo/.git /config"),
        *("/home/u/.bashrc", "~/.zshrc", "/repo/.github/workflows/ci.yml", "/repo/Makefile", "/repo/makefile"),
        *("file:///repo/.git/config", "/repo/.g\u200bit/config", "/repo/．git/config", "/repo/a.pth"),
        *("/repo/evil.pth ", "file:///repo/%2egit/config", "/x/.pth/y.pth"),
        *(".git::$INDEX_ALLOCATION/config", "/etc/cron.d/x", "/repo/gatehost.toml", "/repo/policies/own.cedar"),
    ],
)
def test_a_path_of_the_class_is_refused_for_every_tool_with_an_effect(path):
    for effect in ("write", "external_write", "destructive"):
        decision = judged({"path": path, "content": "x"}, effect=effect)
        assert isinstance(decision, Deny)
        assert decision.reasons[0].path == "path"
    assert isinstance(judged({"path": path}, effect="read"), Allow)


@pytest.mark.promise("nothing_executable_is_written")
def test_a_rename_onto_it_and_a_link_to_it_are_refused():
    assert isinstance(judged({"source": "notes.txt", "destination": ".git/hooks/pre-push"}), Deny)
    assert isinstance(judged({"path": "innocent"}, paths={"innocent": "/repo/.git/hooks/pre-push"}), Deny)


@pytest.mark.parametrize("name", ["patch", "diff", "anything"])
def test_a_patch_shows_its_targets(name):
    first = "--- a/readme.md\n+++ b/readme.md\n@@ -1 +1 @@\n-a\n+b\n"
    patch = f"{first}--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n"
    assert isinstance(judged({name: patch}), Deny)
    assert isinstance(judged({name: patch.replace(".git/hooks/pre-commit", "docs/new.md")}), Allow)


def test_the_words_of_a_command_are_looked_at():
    assert isinstance(judged({"command": "cp hook.sh /repo/.git/hooks/pre-commit && true"}), Deny)
    assert isinstance(judged({"args": ["--output", ".envrc"]}), Deny)
    assert isinstance(judged({"command": "cp a.txt b.txt"}), Allow)


@pytest.mark.promise("nothing_executable_is_written")
def test_an_archive_shows_its_members():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("docs/a.txt", "a" * 100)
        archive.writestr(".git/hooks/pre-commit", "#!/bin/sh\n")
    assert isinstance(judged({"data": base64.b64encode(packed.getvalue()).decode()}), Deny)
    for mode in ("w", "w:gz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=mode) as tar:
            link = tarfile.TarInfo("innocent")
            link.type, link.linkname = tarfile.SYMTYPE, ".git/hooks/pre-commit"
            tar.addfile(link)
        assert isinstance(judged({"data": base64.b64encode(packed.getvalue()).decode()}), Deny), mode


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "/repo/docs/git.md", "content": "edit .git/config to taste"},
        {"path": "/repo/digit/legit.txt", "content": "package.json"},
        {"message": "update package.json", "repo_path": "/repo"},
        {"path": "/repo/src/config.py", "content": "a\nb\n"},
        {"to": "anna@example.com", "body": "see Makefile"},
        {"path": "/repo/.gitignore"},
    ],
)
def test_ordinary_writing_is_left_alone(arguments):
    assert isinstance(judged(arguments), Allow)


def test_the_operator_can_allow_it_for_one_tool():
    assert isinstance(judged({"path": "/repo/package.json"}, executable_paths="allow"), Allow)


@pytest.mark.promise("nothing_executable_is_written")
@given(st.sampled_from([entry for entry in EXECUTABLE if not entry.startswith("/")]), st.text("ab/._ ", max_size=20))
def test_whatever_stands_before_the_name_it_belongs_to_the_class(entry, before):
    assert executable(f"/{before}/{entry}") is not None
    assert executable(f"/{before}/{entry.upper()}/x") is not None


@given(st.text("abgit.GIT /:~\\\u200b．%-_'", max_size=12))
def test_the_quick_look_never_differs_from_the_careful_one(text):
    assert (executable(text) is None) == (executable(f"{text}\u200b") is None)


@given(st.text(max_size=300))
def test_no_text_breaks_the_check(text):
    judged({"path": text, "patch": text, "command": text, "data": text * 3})
