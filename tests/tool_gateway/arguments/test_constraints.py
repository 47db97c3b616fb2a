from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.calls import ToolDefinition
from context.json_values import JsonObject
from tests.fakes.gateway import known_tool
from tool_gateway.arguments.constraints import check, check_reachable, paths_to_resolve
from tool_gateway.rules import ArgumentRule, ToolRule


def _codes(rule: dict[str, Any], value: Any, path: str = "a", arguments: JsonObject | None = None) -> list[str]:
    found = {"a": value} if arguments is None else arguments
    return [reason.code for reason in check(ArgumentRule.model_validate(rule), path, found, {})]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"one_of": ["r", "w"]}, ["r", ["r", "w"]], ["x", ["r", "x"], 1, True, {}, [], None, {"r": "w"}]),
        ({"one_of": [1, True, None]}, [1, 1.0, True, None], [0, False, "1"]),
        ({"one_of": [["a", "b"]]}, [["a", "b"]], [["b", "a"], ["a"], "a"]),
        ({"pattern": "[a-z]+"}, ["abc", ["a", "b"]], ["abc1", "a\n", "", 5, True, {"x": "abc"}, ["a", "1"]]),
        ({"minimum": 1, "maximum": 10}, [1, 10, 5.5, [1, 2]], [0, 11, -1, 10.01, "5", True, {"x": 5}, [5, 11]]),
        ({"maximum": 200}, [-1, 0], [201, "1", True]),
        ({"max_bytes": 4}, ["abcd", "éé", 1234, ["abcd", "ef"], True], ["abcde", "ééé", 12345, ["ok", "abcde"], False]),
        ({"max_bytes": 0}, [""], ["a"]),
        (
            {"no_option": True},
            ["main", "a-b", 5, True, ["x"], {"k": "v"}],
            ["-x", ["a", "-x"], {"-k": 1}, {"k": ["-v"]}, -5, [-1]],
        ),
        ({"url_hosts": ["example.com"]}, ["https://example.com/a"], ["https://evil.com", "example.com", 5, {"u": "x"}]),
        ({"path_within": ["/r"]}, [], [5, True, {"p": "/r/a"}, [["/x"]]]),
        (
            {"not_within": [".git"]},
            ["/a/b", ["/a"], {"p": "/a", "n": 5}],
            [5, True, {"p": "/a/.git"}, {"/a/.git": 1}, [[".git"]]],
        ),
    ],
)
@pytest.mark.promise("doubt_denies_a_constraint")
def test_a_constraint_accepts_what_it_can_judge_as_good_and_nothing_else(
    rule: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        assert _codes(rule, value) == [], (rule, value)
    for value in bad:
        assert _codes(rule, value) != [], (rule, value)


@pytest.mark.parametrize(
    "rule",
    [
        {"path_within": ["/r"]},
        {"one_of": ["x"]},
        {"pattern": "x"},
        {"minimum": 5},
        {"no_option": True},
        {"url_hosts": ["h"]},
    ],
)
def test_a_constraint_on_something_absent_holds(rule: dict[str, Any]) -> None:
    assert _codes(rule, None, arguments={}) == []
    assert _codes(rule, None, path="a.b[].c", arguments={"a": {"b": []}}) == []


def test_null_counts_as_absent_except_for_one_of() -> None:
    assert _codes({"path_within": ["/r"], "pattern": "x", "maximum": 1}, None) == []
    assert _codes({"one_of": ["x"]}, None) == ["not_one_of"]


@pytest.mark.promise("doubt_denies_a_constraint")
def test_a_value_that_evades_the_path_of_its_rule_is_refused() -> None:
    rule = {"path_within": ["/repo"]}
    assert _codes(rule, None, path="files[].path", arguments={"files": {"path": "/etc"}}) == ["wrong_shape"]
    assert _codes(rule, None, path="files[].path", arguments={"files": ["/etc"]}) == ["wrong_shape"]


def test_a_reason_names_the_place_the_value_and_what_is_allowed() -> None:
    rule = ArgumentRule.model_validate({"path_within": ["/repo"]})
    (reason,) = check(rule, "files[].path", {"files": [{"path": "/etc/x\x1b[2J"}]}, {})
    assert reason.path == "files[0].path"
    assert reason.gate == "constraints"
    assert "control characters" in reason.text
    assert "\x1b" not in reason.sentence()
    assert "/repo" in reason.sentence()


@pytest.mark.promise("no_value_becomes_an_option")
@pytest.mark.parametrize(
    "text",
    [
        "-o",
        "--output=/etc/x",
        "-",
        " -o",
        "\t--x",
        "\n-o",
        "\u200b--x",
        "\u202e-x",
        "－－output",
        "﹣x",
        "–x",
        "—x",
        "−1",
        '"--x"',
        "'-x'",
        "\\-x",
        "\ufeff-x",
        "\u00a0-x",
        "\u2060--x",
        "\u034f-x",
        "\x00-x",
    ],
)
def test_a_text_that_reads_as_an_option_is_refused(text: str) -> None:
    assert _codes({"no_option": True}, text) == ["option_like"]
    assert _codes({"no_option": True}, {"deep": [{"er": text}]}) == ["option_like"]
    assert _codes({"no_option": True}, {"deep": {text: 1}}) == ["option_like"]


@given(st.text(max_size=8), st.text(max_size=8))
@pytest.mark.promise("no_value_becomes_an_option")
def test_no_accepted_text_begins_with_a_dash_once_trimmed(before: str, after: str) -> None:
    text = before + after
    if _codes({"no_option": True}, text) == []:
        assert not text.strip().startswith("-")
        assert not text.strip("\u200b\ufeff \"'").startswith("-")


@pytest.mark.promise("a_url_names_an_allowed_host")
@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.com/a?b=c#d",
        "http://example.com:80/",
        "https://example.com/@evil.com",
        "https://api.example.org:8443/x",
        "https://a.b.wild.net/",
        "wss://example.com/s",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
    ],
)
def test_a_url_of_an_allowed_host_is_accepted(url: str) -> None:
    hosts = ["example.com", "api.example.org:8443", "*.wild.net", "127.0.0.1", "[::1]"]
    assert _codes({"url_hosts": hosts}, url) == []


@pytest.mark.promise("a_url_names_an_allowed_host")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.com",
        "https://example.com.evil.com",
        "https://evilexample.com",
        "https://example.com@evil.com/",
        "https://user:pw@example.com/",
        "https://evil.com#@example.com",
        "https://evil.com\\@example.com",
        "https://example.com\\.evil.com",
        "https:\\\\example.com",
        "https:/example.com",
        "https:///example.com",
        "//example.com",
        "example.com",
        "https://example.com./",
        "https://example.com:443@evil.com",
        "https://example.com:8443/",
        "https://api.example.org/",
        "https://example.com:",
        "https://example.com:0443/",
        "https://wild.net/",
        "https://evilwild.net/",
        "https://exa\tmple.com/",
        "https://exam\nple.com/",
        " https://example.com",
        "https://example.com /",
        "https://exаmple.com/",
        "https://ｅxample.com/",
        "https://example。com/",
        "https://example%2ecom/",
        "https://[::1%25eth0]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://1.wild.net.1/",
        "https://[::ffff:127.0.0.1]/",
        "javascript://example.com/%0aalert(1)",
        "file://example.com/etc/passwd",
        "ftp://example.com/",
        "https://exam\u200bple.com/",
        "https://example.com\u202e/",
        "https://example.com:99999/",
        "https://",
        "",
        "https://example.com/" + "a" * 9000,
    ],
)
def test_a_url_that_could_name_another_host_is_refused(url: str) -> None:
    hosts = ["example.com", "api.example.org:8443", "*.wild.net", "127.0.0.1"]
    assert _codes({"url_hosts": hosts}, url) == ["url_host"]


@pytest.mark.promise("a_url_names_an_allowed_host")
@given(st.text(alphabet="htps:/@\\.?#%[]0123x \tgood.comevil", max_size=40))
def test_whatever_the_text_python_reads_the_same_host_in_an_accepted_url(text: str) -> None:
    for url in (text, "https://" + text, "https://good.com" + text):
        if _codes({"url_hosts": ["good.com"]}, url) == []:
            assert urlsplit(url).hostname == "good.com"
            assert urlsplit(url).username is None


def test_a_refused_url_says_what_is_wrong_with_it() -> None:
    def told(url: str) -> str:
        (reason,) = check(ArgumentRule(url_hosts=("good.com",)), "u", {"u": url}, {})
        return reason.sentence()

    assert "user information" in told("https://good.com@evil.com/")
    assert "names the host evil.com, which is not allowed. Allowed hosts: good.com" in told("https://evil.com/")
    assert "on port 8443" in told("https://good.com:8443/")
    assert "readers would read differently" in told("https://127.1/")


def test_only_texts_under_path_rules_are_resolved() -> None:
    tool = known_tool(
        arguments={
            "path": {"path_within": "/repo"},
            "files[].path": {"not_within": ".git"},
            "tree": {"not_within": ".git"},
            "note": {"max_bytes": 5},
        }
    )
    arguments: JsonObject = {
        "path": "/repo/a",
        "files": [{"path": "/repo/b"}, {"path": "/repo/x/../b"}, {"path": "/repo/a"}],
        "tree": {"key": ["leaf", 5]},
        "note": "no path",
    }
    assert paths_to_resolve(tool, arguments) == ["/repo/a", "/repo/b", "/repo/x/../b", "key", "leaf"]
    assert paths_to_resolve(known_tool(), arguments) == []


SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "repo_path": {"type": "string"},
        "max_count": {"type": "integer"},
        "mode": {"enum": ["r", "w"]},
        "flag": {"type": "boolean"},
        "files": {"type": "array", "items": {"type": "object", "properties": {"path": {"type": ["string", "null"]}}}},
    },
}


def _faults(arguments: dict[str, Any], sinks: tuple[str, ...] = ()) -> list[str]:
    rule = ToolRule.model_validate({"effect": "write", "arguments": arguments, "sinks": sinks})
    return check_reachable(rule, ToolDefinition("t", input_schema=SCHEMA))


def test_rules_that_fit_the_schema_have_no_faults() -> None:
    assert (
        _faults(
            {
                "repo_path": {
                    "path_within": "/repo",
                    "not_within": [".git", "/repo/.env"],
                    "no_option": True,
                    "pattern": "^/.*",
                },
                "max_count": {"minimum": 0, "maximum": 200},
                "mode": {"one_of": ["r"]},
                "files[].path": {"path_within": ["/repo", "/tmp"], "max_bytes": 0},
                "files": {"max_bytes": 100},
            },
            sinks=("repo_path", "files[].path"),
        )
        == []
    )


@pytest.mark.promise("a_rule_can_match")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"repo_pth": {"path_within": "/repo"}}, "the nearest is repo_path"),
        ({"files[].pth": {"path_within": "/repo"}}, "files[].path"),
        ({"files.path": {"path_within": "/repo"}}, "files"),
        ({"repo_path[0]": {"path_within": "/repo"}}, "neither a dot nor []"),
        ({"repo_path": {"maximum": 5}}, "maximum cannot apply"),
        ({"max_count": {"pattern": "5"}}, "pattern cannot apply"),
        ({"max_count": {"path_within": "/repo"}}, "path_within cannot apply"),
        ({"flag": {"no_option": True}}, "no_option cannot apply"),
        ({"repo_path": {"pattern": "(?=a)"}}, "linear-time"),
        ({"repo_path": {"pattern": "("}}, "linear-time"),
        ({"mode": {"one_of": []}}, "one_of is empty"),
        ({"mode": {"one_of": [1]}}, "allows no integer"),
        ({"repo_path": {"path_within": "repo"}}, "not absolute"),
        ({"repo_path": {"path_within": "/repo/../etc"}}, "plain form"),
        ({"repo_path": {"path_within": []}}, "path_within is empty"),
        ({"repo_path": {"not_within": "../x"}}, "not_within"),
        ({"repo_path": {"url_hosts": "https://example.com"}}, "is no host"),
        ({"repo_path": {"url_hosts": "*.127.0.0.1"}}, "is no host"),
        ({"repo_path": {"url_hosts": "127.1"}}, "is no host"),
        ({"repo_path": {"url_hosts": "2130706433"}}, "is no host"),
        ({"repo_path": {"url_hosts": "example.com:99999"}}, "is no host"),
        ({"max_count": {"minimum": 5, "maximum": 1}}, "minimum 5 is above maximum 1"),
        ({"repo_path": {}}, "no constraint is set"),
    ],
)
def test_a_rule_that_can_never_work_is_told_when_it_is_loaded(arguments: dict[str, Any], told: str) -> None:
    faults = _faults(arguments)
    assert any(told in fault for fault in faults), faults
    assert all(next(iter(arguments)) in fault for fault in faults)


@pytest.mark.promise("a_rule_can_match")
def test_a_sink_that_the_schema_lacks_is_told() -> None:
    assert "the nearest is repo_path" in _faults({}, sinks=("repopath",))[0]


def test_rules_for_a_tool_whose_schema_is_unusable_say_so() -> None:
    rule = ToolRule.model_validate({"effect": "read", "arguments": {"a": {"max_bytes": 1}}})
    (fault,) = check_reachable(rule, ToolDefinition("t", input_schema={"$ref": "http://x/"}))
    assert "cannot be used" in fault
