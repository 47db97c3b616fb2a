import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.calls import ToolDefinition
from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.lock_file import Lock, load_lock, update_lock
from host.config.small_files import alone_in, read_small, replace_small
from tool_gateway.pins import tool_digest

DIGEST = "sha256:" + "0" * 64
LOG = ToolDefinition(
    "git_log",
    description="Shows the log.\u202e\x1b[2J",
    input_schema={"type": "object", "properties": {"n": {"maximum": 2**63}}},
    output_schema={"type": "object"},
    annotations={"readOnlyHint": True},
    title="Log",
)
ADD = ToolDefinition("git_add", input_schema={"type": "object"})
PACKAGE = {"kind": "pypi", "name": "a", "version": "1", "requirements": ["a==1 --hash=sha256:" + "0" * 64]}


def lock_of(*names: str) -> Lock:
    lock = Lock()
    for name in names:
        lock = lock.with_server(
            name,
            server_digest=DIGEST,
            tools=[LOG, ADD],
            package=PACKAGE,
            protocol="2026-07-28",
            instructions="Use git_log first.",
        )
    return lock


def test_a_lock_comes_back_as_it_was_saved(tmp_path: Path):
    path = tmp_path / "mcp_servers.lock"
    lock = lock_of("git", "files")
    lock.save(path)
    assert load_lock(path) == lock
    assert load_lock(path).servers["git"].tools["git_log"].digest == tool_digest(LOG)
    assert load_lock(path).servers["git"].definitions == {"git_log": LOG, "git_add": ADD}


def test_no_lock_is_an_empty_lock(tmp_path: Path):
    assert load_lock(None) == load_lock(tmp_path / "mcp_servers.lock") == Lock()


def test_the_text_does_not_depend_on_the_order_of_acceptance_and_shows_what_is_invisible(tmp_path: Path):
    text = lock_of("git", "files").text()
    assert text == lock_of("files", "git").text()
    assert text.endswith("}\n")
    assert text.isascii()
    assert "\\u202e\\u001b[2J" in text
    assert str(tmp_path) not in text


def test_a_server_can_be_removed_also_when_it_is_not_there():
    assert lock_of("git", "files").without("files") == lock_of("git")
    assert lock_of("git").without("files") == lock_of("git")


def test_an_accepted_server_replaces_what_was_accepted_of_it_before():
    again = lock_of("git").with_server("git", server_digest=DIGEST, tools=[ADD])
    assert set(again.servers["git"].tools) == {"git_add"}
    assert again.servers["git"].package is None


def edited(change) -> bytes:
    document = json.loads(lock_of("git").text())
    change(document)
    return json.dumps(document).encode()


def set_at(*keys):
    *path, last, value = keys

    def change(document):
        for key in path:
            document = document[key]
        document[last] = value

    return change


TOOL = ("servers", "git", "tools", "git_log")
EDITS = {
    "description": (set_at(*TOOL, "description", "Safe."), "servers.git.tools.git_log: the tool was edited"),
    "schema": (set_at(*TOOL, "input_schema", {}), "servers.git.tools.git_log: the tool was edited"),
    "output schema": (set_at(*TOOL, "output_schema", None), "servers.git.tools.git_log: the tool was edited"),
    "annotation": (set_at(*TOOL, "annotations", {}), "servers.git.tools.git_log: the tool was edited"),
    "title": (set_at(*TOOL, "title", "x"), "servers.git.tools.git_log: the tool was edited"),
    "digest": (set_at(*TOOL, "digest", DIGEST), "servers.git.tools.git_log: the tool was edited"),
    "renamed": (
        lambda doc: doc["servers"]["git"]["tools"].update(x=doc["servers"]["git"]["tools"]["git_log"]),
        "servers.git.tools.x: the tool was edited",
    ),
    "instructions": (set_at("servers", "git", "instructions", "Obey."), "`instructions` were edited"),
    "unknown key": (set_at(*TOOL, "effect", "read"), "unknown key `effect`"),
    "unknown server key": (set_at("servers", "git", "trusted", True), "unknown key `trusted`"),
    "no schema": (set_at(*TOOL, "input_schema", []), "git_log.input_schema: an object is missing"),
    "no server digest": (set_at("servers", "git", "server_digest", "md5:1"), "`server_digest` is no digest"),
    "server name": (set_at("servers", {"Git": {}}), "servers.Git: this is no name"),
    "tool name": (
        set_at("servers", "git", "tools", {"a/b\u200b": {}}),
        'servers.git.tools."a/b\\u200b": this is no name',
    ),
    "version": (set_at("version", 2), "`version` must be 1"),
    "version flag": (set_at("version", True), "`version` must be 1"),
    "address": (
        set_at("servers", "git", "package", "requirements", ["a @ https://host/a.whl"]),
        "servers.git.package: the locked package names an address",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_lock_is_refused_by_name(tmp_path: Path, name: str):
    change, said = EDITS[name]
    path = tmp_path / "mcp_servers.lock"
    path.write_bytes(edited(change))
    with pytest.raises(ConfigError) as caught:
        load_lock(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "gatehost mcp accept" in (caught.value.next_step or "") or "version" in name


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{", b"\xff", b'{"version": 1}', b'{"version": 1, "servers": {}, "servers": {}}'),
        *(b'{"version": NaN, "servers": {}}', b"[" * 100_000, b"9" * 10_000, b'{"a":' * 5000),
    ],
    ids=lambda data: data[:40].decode("latin-1"),
)
def test_what_is_no_lock_is_refused(tmp_path: Path, data: bytes):
    path = tmp_path / "mcp_servers.lock"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="mcp_servers"):
        load_lock(path)


@pytest.mark.parametrize("address", ["http://host/x", "HTTPS://host/x", "git+ssh://host/x"])
def test_a_lock_that_names_a_host_is_not_saved(tmp_path: Path, address: str):
    path = tmp_path / "mcp_servers.lock"
    lock = Lock().with_server("a", server_digest=DIGEST, tools=[], package={"tree": [{"resolved": address}]})
    with pytest.raises(ConfigError, match="names an address"):
        lock.save(path)
    assert not path.exists()


def test_an_address_in_a_description_is_the_servers_own_text(tmp_path: Path):
    tool = replace(ADD, description="See https://example.com")
    Lock().with_server("a", server_digest=DIGEST, tools=[tool]).save(tmp_path / "l")
    assert load_lock(tmp_path / "l").servers["a"].tools["git_add"].definition == tool


def test_a_failed_save_leaves_the_old_lock_and_nothing_else(tmp_path: Path):
    path = tmp_path / "mcp_servers.lock"
    lock_of("git").save(path)
    with pytest.raises(ConfigError, match="written down"):
        lock_of("git").with_server(
            "b", server_digest=DIGEST, tools=[replace(ADD, input_schema={"a": float("nan")})]
        ).save(path)
    assert load_lock(path) == lock_of("git")
    assert [file.name for file in tmp_path.iterdir()] == ["mcp_servers.lock"]


def test_servers_accepted_at_the_same_time_are_all_in_the_lock(tmp_path: Path):
    path = tmp_path / "mcp_servers.lock"
    names = [f"s{number}" for number in range(12)]

    def accept(name: str) -> None:
        update_lock(path, lambda lock: lock.with_server(name, server_digest=DIGEST, tools=[ADD]))

    threads = [threading.Thread(target=accept, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(load_lock(path).servers) == sorted(names)


def test_a_folder_that_is_held_for_ever_is_an_error_not_a_hang(tmp_path: Path):
    with alone_in(tmp_path), pytest.raises(ConfigError, match="another process"), alone_in(tmp_path, wait=0.05):
        pass
    with alone_in(tmp_path, wait=0.05):
        pass


def test_a_replaced_file_keeps_its_mode_and_a_new_one_gets_its_own(tmp_path: Path):
    path = tmp_path / "x"
    replace_small(path, b"1", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    replace_small(path, b"2", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o640
    assert read_small(path, limit=10) == b"2"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    description=st.text(st.characters(), max_size=20),
    schema=st.dictionaries(st.text(), json_values, max_size=3),
    broken=st.sampled_from(["", "\ud800", "\udc00x"]),
)
def test_whatever_a_server_lists_can_be_locked_and_read_back(tmp_path: Path, description, schema, broken):
    tool = ToolDefinition("t", description=description + broken, input_schema=schema)
    lock = Lock().with_server("a", server_digest=DIGEST, tools=[tool], instructions=broken or None)
    lock.save(tmp_path / "lock")
    assert load_lock(tmp_path / "lock") == lock


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.builds(lambda value: json.dumps(value).encode(), json_values),
        st.builds(lambda value: edited(set_at("servers", "git", "tools", value)), json_values),
        st.builds(lambda value: edited(set_at("servers", "git", value)), json_values),
    )
)
def test_any_bytes_load_or_are_a_config_error(tmp_path: Path, data: bytes):
    (tmp_path / "lock").write_bytes(data)
    try:
        load_lock(tmp_path / "lock")
    except ConfigError as error:
        assert escape_line(str(error)) == str(error)
