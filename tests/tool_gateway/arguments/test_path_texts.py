import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.calls import ToolRef
from tests.fakes.gateway import FakeDirectory
from tool_gateway.arguments.constraints import check
from tool_gateway.arguments.path_texts import entry_fault, folder_fault, outside, path_readings, within_forbidden
from tool_gateway.rules import ArgumentRule

PIECES = st.sampled_from(
    [
        *(
            "repo",
            "repo-evil",
            "..",
            ".",
            "",
            "/",
            "//",
            "etc",
            "passwd",
            "．．",
            "%2e%2e",
            "~",
            "\\",
            "*",
            ".*",
            "{..,a}",
        ),
        *("\u200b", "\u202e", "\x00", "\n", " ", "ｒepo", "Repo", "file:", "link", "..\u200b", "․․", "．．/．．"),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=4), max_size=8).map("/".join) | st.lists(PIECES, max_size=8).map("".join)


def _check(rule: ArgumentRule, text: str, links: dict[str, str] | None = None) -> list[str]:
    directory = FakeDirectory()
    directory.links.update(links or {})
    readings = path_readings(text)
    resolved = directory.resolve_paths(ToolRef("s", "t"), readings) if isinstance(readings, tuple) else {}
    return [reason.code for reason in check(rule, "path", {"path": text}, resolved)]


def _climbs_out(text: str, root: str) -> bool:
    """An independent reading: walk the components of the text and see where they end."""
    place: list[str] = []
    for part in text.split("/"):
        if part == "..":
            place = place[:-1]
        elif part not in {"", "."}:
            place.append(part)
    return place[:1] != [root]


@pytest.mark.promise("a_path_stays_within")
@given(HOSTILE)
def test_no_accepted_path_leaves_its_folder(text: str) -> None:
    if _check(ArgumentRule(path_within=("/repo",)), text) == []:
        plain = text[5:].removeprefix("//localhost").removeprefix("//") if text.lower().startswith("file:") else text
        assert not _climbs_out(plain, "repo")
        assert "\0" not in text
        assert "\\" not in text


@pytest.mark.promise("a_path_stays_within")
@pytest.mark.parametrize(
    "text", ["/repo", "/repo/", "/repo/a", "/repo/a/../b", "/repo//a/./b", "/x/../repo/a", "repo/a"]
)
def test_a_path_inside_is_accepted_however_it_is_written(text: str) -> None:
    assert _check(ArgumentRule(path_within=("/repo",)), text) == []


@pytest.mark.promise("a_path_stays_within")
@pytest.mark.parametrize(
    "text",
    [
        "/repo-evil",
        "/repo-evil/a",
        "/repository",
        "/Repo/a",
        "/",
        "",
        ".",
        "a",
        "./repo/../a",
        "/repo/..",
        "/repo/../etc/passwd",
        "/repo/a/../../etc",
        "/repo/././../etc",
        "//etc/passwd",
        "/etc/passwd",
        "../repo/../etc",
        "~/x",
        "~root/.ssh",
        " ~/x",
        "/repo\\..\\..\\etc",
        "/repo/\0/etc",
        "/repo/a\n/etc/passwd",
        "/repo/．．/．．/etc",
        "/repo/．．／etc",
        "/repo/..\u200b/etc",
        "/repo/\u202e../../etc",
        "/repo/.*/etc",
        "/repo/.?/.?/etc",
        "/repo/{a,../../etc/passwd}",
        "/repo/[.].",
        "file:///etc/passwd",
        "file:///repo/../etc",
        "file:///repo/%2e%2e/etc",
        "file:///repo%2f..%2fetc",
        "file://evil/repo/a",
        "file:/etc",
        "FILE:///etc",
        "http://example.com/repo/a",
        "/repo/" + "a/" * 3000,
    ],
)
def test_a_path_outside_is_refused_however_it_is_written(text: str) -> None:
    assert _check(ArgumentRule(path_within=("/repo",)), text) != []


@pytest.mark.promise("a_path_stays_within")
def test_a_link_that_leads_out_is_refused_and_one_that_leads_in_is_not() -> None:
    rule = ArgumentRule(path_within=("/repo",))
    assert _check(rule, "/repo/link/shadow", {"/repo/link/shadow": "/etc/shadow"}) == ["path_outside"]
    assert _check(rule, "/home/me/r", {"/home/me/r": "/repo/r"}) == []


@pytest.mark.promise("a_path_stays_within")
def test_a_link_before_dots_is_judged_both_ways() -> None:
    """The kernel follows the link first, a server that normalises first does not: both must lie inside."""
    rule = ArgumentRule(path_within=("/repo",))
    assert _check(rule, "/repo/link/../x", {"/repo/link/../x": "/etc/x"}) == ["path_outside"]
    assert _check(rule, "/repo/link/../x", {"/repo/link/../x": "/repo/x", "/repo/x": "/etc/x"}) == ["path_outside"]


@pytest.mark.promise("doubt_denies_a_constraint")
def test_a_path_that_could_not_be_resolved_is_refused() -> None:
    reasons = check(ArgumentRule(path_within=("/repo",)), "path", {"path": "/repo/a"}, {})
    assert [reason.code for reason in reasons] == ["path_unresolved"]


def test_a_file_url_of_a_path_inside_is_accepted() -> None:
    for text in ("file:///repo/a", "file://localhost/repo/a%20b", "file:/repo/a"):
        assert _check(ArgumentRule(path_within=("/repo",)), text) == []


@pytest.mark.promise("a_forbidden_place_is_not_named")
@pytest.mark.parametrize("entry", [".git", "/repo/.git", "/repo/.git/"])
@pytest.mark.parametrize(
    "text",
    [
        "/repo/.git",
        "/repo/.git/config",
        "/repo//.git/./config",
        "/repo/src/../.git/hooks/pre-commit",
        "/repo/.GIT/config",
        "/repo/.Git",
        "/repo/.git./config",
        "/repo/.git /config",
        "/repo/.git::$INDEX_ALLOCATION/config",
        "/repo/GIT~1/config",
        "/repo/.g\u200bit/config",
        "/repo/.ｇit/config",
        "/repo/．git/config",
        "/repo/.gi[t]/config",
        "/repo/.g*/config",
        "/repo/.???/config",
        "/repo/{.git,src}/config",
        "/repo/**/config",
        ".git/config",
        "./.git/config",
        "../repo/.git/config",
        "src/../.git",
        "repo/.git",
        "file:///repo/.git/config",
        "/repo/src\\..\\.git\\config",
        "/repo/.git\n",
    ],
)
def test_no_spelling_of_a_forbidden_place_is_accepted(entry: str, text: str) -> None:
    assert _check(ArgumentRule(not_within=(entry,)), text) != []


@pytest.mark.promise("a_forbidden_place_is_not_named")
def test_a_link_into_a_forbidden_place_is_refused() -> None:
    links = {"/repo/innocent": "/repo/.git/config"}
    for entry in (".git", "/repo/.git"):
        assert _check(ArgumentRule(not_within=(entry,)), "/repo/innocent", links) == ["path_forbidden"]


@pytest.mark.promise("a_forbidden_place_is_not_named")
def test_a_home_folder_is_not_guessed() -> None:
    for text in ("~/.ssh/id_rsa", "～/.ssh/id_rsa", " ~me/.ssh"):
        assert _check(ArgumentRule(not_within=("/root/.ssh",)), text) == ["path_unclear"]
        assert _check(ArgumentRule(path_within=("/",)), text) == ["path_unclear"]


def test_what_lies_beside_a_forbidden_place_is_accepted() -> None:
    rule = ArgumentRule(not_within=(".git", "/repo/secret", ".vscode/tasks.json"))
    for text in (
        "/repo/.gitignore",
        "/repo/.github/workflows/ci.yml",
        "/repo/git/config",
        "/repo/secrets",
        "/repo/src/secret",
        "/repo/.vscode/settings.json",
        "/repo/src/[slug].tsx",
        "/repo/*.py",
        "src/main.py",
        "/other/secret",
        "/repo",
        ".",
    ):
        assert _check(rule, text) == [], text
    assert _check(rule, "/repo/.vscode/tasks.json") == ["path_forbidden"]
    assert _check(rule, "/repo/secret/key") == ["path_forbidden"]


@pytest.mark.promise("a_forbidden_place_is_not_named")
@given(
    st.lists(st.sampled_from(["a", "..", ".", "", "b c", "é"]), max_size=4), st.sampled_from([".git", ".GIT", ".giT"])
)
def test_a_forbidden_name_is_found_wherever_it_stands(before: list[str], name: str) -> None:
    assert within_forbidden("/".join([*before, name, "config"]), [".git"]) == ".git"


@given(st.text(alphabet="ab./", max_size=12).map("/{}".format), st.sampled_from(["/a", "/a/b"]))
def test_outside_agrees_with_a_walk_of_the_components(place: str, folder: str) -> None:
    parts: list[str] = []
    for part in place.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    inside = "/".join(["", *parts, ""]).startswith(folder + "/")
    assert outside(place, [folder]) == (not inside)


@given(st.text(max_size=30))
def test_reading_a_path_never_fails(text: str) -> None:
    readings = path_readings(text)
    assert readings
    if isinstance(readings, tuple) and not text.lower().startswith("file:"):
        assert readings[0] == text


def test_entries_of_the_rules_must_be_plain() -> None:
    assert folder_fault("/repo") is None
    assert folder_fault("/") is None
    assert folder_fault("/repo/") is None
    for entry in ("repo", "", "/repo/../x", "//repo", "/repo/./a", "~"):
        assert folder_fault(entry)
    assert entry_fault(".git") is None
    assert entry_fault(".vscode/tasks.json") is None
    assert entry_fault("/repo/.git") is None
    for entry in ("", "../x", "a//b", "/a/..", "."):
        assert entry_fault(entry), entry
