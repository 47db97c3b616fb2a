import json
import os
import socket
import tomllib
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.errors import ConfigError
from context.visible_text import escape_line
from host.config.mount_rules import CONFIG_NAMES
from host.config.nearest_names import distance, nearest
from host.config.servers_file import ServerSettings, load_servers, server_digest
from host.config.toml_files import FILE_BYTES, read_toml, valid_keys
from host.config.toml_positions import TooDeep, key_lines
from sandboxes import registry
from sandboxes.interface import Mount, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.settings import MountSettings, WallSettings
from tool_gateway.rules import ArgumentRule, ToolRule

GIT = """version = 1

[servers.git]
package = "pypi:mcp-server-git==2026.10.19"
"""
PRODUCT = """version = 1

[servers.git]
package = "pypi:mcp-server-git==2026.10.19"
args = ["--repository", "/repo"]
sandbox = "docker"
runtime = "runc"
mounts = [{ host = ".", at = "/repo", mode = "ro" }]
egress = []
env = { TZ = "UTC" }
secrets = {}
entry = "mcp-server-git"
grants = []
owner = "platform-team"
limits = { memory = "512m", cpus = 1.0, pids = 128, call_timeout = "60s", result_bytes = "1m" }
returns = { integrity = "untrusted", labels = [] }

[servers.git.tools.git_log]
effect = "read"
[servers.git.tools.git_log.arguments]
repo_path = { path_within = "/repo" }
max_count = { maximum = 200 }

[servers.git.tools.git_commit]
effect = "write"
approve = "always"
sinks = ["repo_path"]
returns = { integrity = "untrusted" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


def load(folder: Path, text: str, **options):
    path = folder / "mcp_servers.toml"
    path.write_text(text, encoding="utf-8")
    return load_servers(path, **{"home": folder.parent / "state", **options})


def refusal(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert str(folder / "mcp_servers.toml") in str(caught.value)
    assert caught.value.next_step
    return caught.value


def test_the_documented_file_loads(folder: Path):
    file = load(folder, PRODUCT)
    git = file.servers["git"]
    assert git.owner == "platform-team"
    assert git.limits.memory == 512 * 1024**2
    assert git.limits.call_timeout == 60
    assert git.tools["git_log"].arguments["repo_path"].path_within == ("/repo",)
    assert git.tools["git_commit"].approve == "always"
    assert file.sandbox_mounts("git") == (Mount(folder, "/repo", "ro"),)
    assert file.warnings == ()


def test_limits_left_out_take_the_documented_values(folder: Path):
    written = load(folder, PRODUCT).servers["git"].limits
    assert load(folder, GIT).servers["git"].limits == written


def test_a_relative_mount_starts_at_the_file_not_at_the_current_folder(folder: Path, monkeypatch):
    (folder / "data").mkdir()
    monkeypatch.chdir("/")
    file = load(folder, GIT + 'mounts = [{ host = "data", at = "/data" }]\n')
    assert file.sandbox_mounts("git") == (Mount(folder / "data", "/data"),)


def test_a_symlinked_mount_is_resolved(folder: Path):
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    file = load(folder, GIT + 'mounts = [{ host = "link", at = "/data" }]\n')
    assert file.sandbox_mounts("git")[0].host == folder / "real"


FAULTS = {
    "not TOML": ("version = \n", 1, "", "not TOML"),
    "not TOML, later": ("version = 1\n\n[servers.git\n", 3, "", "not TOML"),
    "a key twice": ("version = 1\nversion = 1\n", 2, "", "not TOML"),
    "no version": ("[servers]\n", None, "version", "missing"),
    "version 2": ("version = 2\n", 1, "version", "must be 1"),
    "version in quotes": ('version = "1"\n', 1, "version", "a whole number"),
    "version as a flag": ("version = true\n", 1, "version", "a whole number"),
    "unknown key at the top": ("version = 1\nserver = 1\n", 2, "server", "Did you mean `servers`?"),
    "unknown key of a server": (GIT + "mountz = []\n", 5, "servers.git.mountz", "Did you mean `mounts`?"),
    "far from every key": (GIT + "quux_zzzzzz = 1\n", 5, "servers.git.quux_zzzzzz", "The nearest valid key is `"),
    "unknown key of a mount": (
        GIT + 'mounts = [\n  { host = ".", at = "/repo" },\n  { hots = ".", at = "/r" },\n]\n',
        7,
        "servers.git.mounts[1].hots",
        "Did you mean `host`?",
    ),
    "unknown key of the limits": (GIT + "limits.memry = 1\n", 5, "servers.git.limits.memry", "`memory`"),
    "unknown key of a tool": (
        GIT + '[servers.git.tools.x]\neffect = "read"\naprove = "never"\n',
        7,
        "servers.git.tools.x.aprove",
        "Did you mean `approve`?",
    ),
    "unknown constraint": (
        GIT + '[servers.git.tools.x]\neffect = "read"\narguments."a.b[]" = { max_byte = 3 }\n',
        7,
        'servers.git.tools.x.arguments."a.b[]".max_byte',
        "Did you mean `max_bytes`?",
    ),
    "no effect": (GIT + "[servers.git.tools.x]\n", 5, "servers.git.tools.x.effect", "missing"),
    "wrong effect": (GIT + '[servers.git.tools.x]\neffect = "raed"\n', 6, "servers.git.tools.x.effect", "'read'"),
    "a text for a list": (GIT + 'args = "x"\n', 5, "servers.git.args", "a list"),
    "a list for a table": (GIT + "env = []\n", 5, "servers.git.env", "a table"),
    "a number in quotes": (GIT + 'limits.pids = "128"\n', 5, "servers.git.limits.pids", "a whole number"),
    "a flag for a number": (GIT + "limits.pids = true\n", 5, "servers.git.limits.pids", "a whole number"),
    "no size": (GIT + 'limits.memory = "lots"\n', 5, "servers.git.limits.memory", "512m"),
    "no span": (GIT + 'limits.call_timeout = "soon"\n', 5, "servers.git.limits.call_timeout", "60s"),
    "infinite": (GIT + "limits.cpus = inf\n", 5, "servers.git.limits.cpus", "finite"),
    "boundless": (GIT + 'limits.memory = "99999t"\n', 5, "servers.git.limits.memory", "too large"),
    "huge number": (GIT + "limits.pids = 9007199254740993\n", 5, "servers.git.limits.pids", "2^53"),
    "a date": (
        GIT + '[servers.git.tools.x]\neffect = "read"\narguments.a.one_of = [2026-11-20]\n',
        7,
        "servers.git.tools.x.arguments.a.one_of[0]",
        "quotes",
    ),
    "NUL": (GIT + 'owner = "a\\u0000b"\n', 5, "servers.git.owner", "NUL"),
    "package and command": (GIT + 'command = ["x"]\n', 5, "servers.git.command", "exclude"),
    "neither": ("version = 1\n[servers.git]\n", 2, "servers.git", "neither"),
    "no version of a package": (
        'version = 1\n[servers.git]\npackage = "pypi:mcp-server-git"\n',
        3,
        "servers.git.package",
        "==",
    ),
    "no such source": ('version = 1\n[servers.git]\npackage = "gem:x==1"\n', 3, "servers.git.package", "pypi:"),
    "empty command": ("version = 1\n[servers.git]\ncommand = []\n", 3, "servers.git.command", "empty"),
    "entry of a command": (
        'version = 1\n[servers.git]\ncommand = ["x"]\nentry = "x"\n',
        4,
        "servers.git.entry",
        "only a package",
    ),
    "runtime of bubblewrap": (
        GIT + 'sandbox = "bubblewrap"\nruntime = "runsc"\n',
        6,
        "servers.git.runtime",
        "only the sandbox `docker`",
    ),
    "upper case server": ('version = 1\n[servers.Git]\ncommand = ["x"]\n', 2, "servers.Git", "a-z"),
    "look-alike server": ('version = 1\n[servers."gіt"]\ncommand = ["x"]\n', 2, 'servers."gіt"', "a-z"),
    "zero width": ('version = 1\n[servers."g\u200bit"]\ncommand = ["x"]\n', 2, 'servers."g\\u200bit"', "a-z"),
    "slash in a tool": (
        GIT + '[servers.git.tools."a/b"]\neffect = "read"\n',
        5,
        'servers.git.tools."a/b"',
        "a tool's name",
    ),
    "no variable": (GIT + 'env = { "A=B" = "x" }\n', 5, 'servers.git.env."A=B"', "variable"),
    "url": (
        'version = 1\n[servers.git]\nurl = "https://example.com/mcp"\n',
        3,
        "servers.git.url",
        "not available in this version",
    ),
    "egress": (GIT + 'egress = ["a:443"]\n', 5, "servers.git.egress", "not available in this version"),
    "secrets": (GIT + 'secrets.A = "keyring:a"\n', 5, "servers.git.secrets.A", "not available in this version"),
    "grants": (GIT + 'grants = ["sampling"]\n', 5, "servers.git.grants", "not available in this version"),
    "egress as a table": (GIT + "egress = {}\n", 5, "servers.git.egress", "must be a list"),
    "missing mount": (GIT + 'mounts = [{ host = "nope", at = "/x" }]\n', 5, "servers.git.mounts[0].host", "not exist"),
    "empty mount": (GIT + 'mounts = [{ host = "", at = "/x" }]\n', 5, "servers.git.mounts[0].host", "empty"),
    "the machine": (GIT + 'mounts = [{ host = "/", at = "/x" }]\n', 5, "servers.git.mounts[0].host", "whole machine"),
    "the kernel": (GIT + 'mounts = [{ host = "/proc", at = "/x" }]\n', 5, "servers.git.mounts[0].host", "kernel"),
    "all homes": (GIT + 'mounts = [{ host = "/home", at = "/x" }]\n', 5, "servers.git.mounts[0].host", ""),
    "two at one place": (
        GIT + 'mounts = [{ host = ".", at = "/x" },\n{ host = ".", at = "/x" }]\n',
        6,
        "servers.git.mounts[1].at",
        "two mounts",
    ),
    "writable configuration": (
        GIT + 'mounts = [{ host = "mcp_servers.toml", at = "/x", mode = "rw" }]\n',
        5,
        "servers.git.mounts[0].host",
        "never writable",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_file_line_key_and_next_step(folder: Path, name: str):
    text, line, key, said = FAULTS[name]
    error = refusal(folder, text)
    place = str(folder / "mcp_servers.toml") + (f":{line}" if line else "")
    assert error.where == (f"{place}: {key}" if key else place)
    assert said in str(error)


@pytest.mark.parametrize(
    "at",
    [
        *("", "repo", "/", "//x", "/x/", "/x/../y", "/x/./y", "/proc", "/proc/1", "/sys", "/dev/shm", "/opt/server/x"),
        *("/opt/node", "/usr/bin", "/etc", "/etc/passwd", "/run/x", "/bin/x", "/lib", "/tmp", "/a:b", "/a\tb"),
        "/x\u202e",
    ],
)
def test_a_place_that_belongs_to_the_sandbox_is_refused(folder: Path, at: str):
    error = refusal(folder, GIT + f"mounts = [{{ host = '.', at = {json.dumps(at)} }}]\n")
    assert error.where and error.where.endswith(":5: servers.git.mounts[0].at")
    assert escape_line(error.what) == error.what


@pytest.mark.parametrize("at", ["/repo", "/opt/data", "/etcetera", "/tmp/x", "/home/user/x", "/usrlocal"])
def test_other_places_are_fine(folder: Path, at: str):
    assert load(folder, GIT + f"mounts = [{{ host = '.', at = '{at}' }}]\n").sandbox_mounts("git")[0].at == at


def test_neither_the_state_folder_nor_anything_around_or_inside_it_is_mounted(folder: Path):
    (folder.parent / "state" / "servers").mkdir(parents=True)
    (folder / "way").symlink_to(folder.parent / "state" / "servers")
    for host in ("..", "../state", "../state/servers", "way"):
        assert "state folder" in str(refusal(folder, GIT + f"mounts = [{{ host = '{host}', at = '/x' }}]\n"))


def test_a_home_folder_is_not_mounted_but_a_folder_inside_it_is(folder: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    (folder / "code").mkdir()
    assert "home folder" in str(refusal(folder, GIT + "mounts = [{ host = '.', at = '/x' }]\n"))
    assert load(folder, GIT + "mounts = [{ host = 'code', at = '/x' }]\n").sandbox_mounts("git")


def test_sockets_and_pipes_are_not_mounted(folder: Path, monkeypatch):
    monkeypatch.chdir(folder)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.sock")
        assert "socket" in str(refusal(folder, GIT + "mounts = [{ host = 's.sock', at = '/x' }]\n"))
    assert "neither" in str(refusal(folder, GIT + "mounts = [{ host = 'pipe', at = '/x' }]\n"))


def test_configuration_inside_a_writable_mount_is_overlaid_read_only(folder: Path):
    for name in ("gatehost.toml", "mcp_servers.lock"):
        (folder / name).write_text("")
    (folder / "policies").mkdir()
    file = load(folder, GIT + "mounts = [{ host = '.', at = '/repo', mode = 'rw' }]\n")
    assert set(file.overlays("git")) == {Mount(folder / name, f"/repo/{name}", "ro") for name in CONFIG_NAMES}
    assert file.sandbox_mounts("git")[0] == Mount(folder, "/repo", "rw")


def test_a_lock_written_after_loading_is_overlaid_too(folder: Path):
    file = load(folder, GIT + "mounts = [{ host = '.', at = '/repo', mode = 'rw' }]\n")
    lock = Mount(folder / "mcp_servers.lock", "/repo/mcp_servers.lock", "ro")
    assert lock not in file.overlays("git")
    (folder / "mcp_servers.lock").write_text("{}")
    assert lock in file.overlays("git")


def test_a_folder_on_the_way_to_configuration_is_a_mount_point_so_that_it_cannot_be_renamed(folder: Path):
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    file = load(
        inner, GIT + f"mounts = [{{ host = '{folder}', at = '/code', mode = 'rw' }}]\n", home=folder.parent / "state"
    )
    assert file.overlays("git") == (
        Mount(folder / "a", "/code/a", "rw"),
        Mount(inner, "/code/a/b", "rw"),
        Mount(inner / "mcp_servers.toml", "/code/a/b/mcp_servers.toml", "ro"),
    )


def test_settings_named_on_the_command_line_are_protected_wherever_they_lie(folder: Path):
    other = folder / "conf" / "mine.toml"
    other.parent.mkdir()
    other.write_text("")
    file = load(folder, GIT + "mounts = [{ host = '.', at = '/repo', mode = 'rw' }]\n", protected=[other])
    assert Mount(other, "/repo/conf/mine.toml", "ro") in file.overlays("git")


def test_read_only_mounts_need_no_overlay(folder: Path):
    assert load(folder, PRODUCT).overlays("git") == ()


def test_configuration_that_is_a_symlink_in_a_writable_mount_is_refused(folder: Path):
    (folder / "other.toml").write_text("")
    (folder / "gatehost.toml").symlink_to("other.toml")
    error = refusal(folder, GIT + "mounts = [{ host = '.', at = '/repo', mode = 'rw' }]\n")
    assert "symlink" in str(error)


def test_a_place_covered_by_another_mount_gets_no_overlay(folder: Path):
    (folder / "out").mkdir()
    file = load(
        folder,
        GIT + "mounts = [{ host = '.', at = '/r', mode = 'rw' }, { host = 'out', at = '/r/mcp_servers.toml' }]\n",
    )
    assert file.overlays("git") == ()


WARNINGS = {
    "unconfined": ('sandbox = "unconfined"\n', "UNCONFINED"),
    "secret": ('env = { GITHUB_TOKEN = "ghp_0123456789abcdef" }\n', "looks like a secret"),
    "case": (
        '[servers.git.tools.Log]\neffect="read"\n[servers.git.tools.log]\neffect="read"\n',
        "upper and lower case",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_allowed_but_doubtful_is_said(folder: Path, name: str):
    text, said = WARNINGS[name]
    (warning,) = load(folder, GIT + text).warnings
    assert said in warning
    assert "ghp_" not in warning


@pytest.mark.parametrize("name", ["docker", "bubblewrap", "unconfined"])
def test_every_kind_of_sandbox_can_be_chosen(folder: Path, name: str):
    assert load(folder, GIT + f"sandbox = '{name}'\n").kind("git").name == name


def test_an_unknown_sandbox_names_the_nearest(folder: Path):
    file = load(folder, GIT + "sandbox = 'dokcer'\n")
    with pytest.raises(ConfigError, match=r":5: servers\.git\.sandbox: .*Did you mean `docker`\?"):
        file.kind("git")


BASE = {"package": "pypi:a==1", "args": ["x"], "mounts": [{"host": ".", "at": "/x"}], "env": {"A": "b"}}
WALL_CHANGES = [
    {"package": "pypi:a==2"},
    {"args": ["y"]},
    {"entry": "a"},
    {"sandbox": "bubblewrap"},
    {"runtime": "runsc"},
    {"mounts": [{"host": ".", "at": "/x", "mode": "rw"}]},
    {"mounts": []},
    {"env": {"A": "c"}},
    {"limits": {"memory": "1g"}},
    {"secrets": {"A": "env:B"}},
]


@pytest.mark.parametrize("change", WALL_CHANGES, ids=str)
def test_a_changed_wall_changes_the_digest(change: dict):
    assert server_digest(ServerSettings(**{**BASE, **change})) != server_digest(ServerSettings(**BASE))


def test_every_wall_key_is_covered_by_the_digest():
    walls = {name for name, key in WallSettings.model_fields.items() if not key.exclude}
    assert {key for change in WALL_CHANGES for key in change} | {"command"} == walls
    one, other = ServerSettings(command=("a",)), ServerSettings(command=("b",))
    assert server_digest(one) != server_digest(other)


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "me"},
        {"tools": {"t": ToolRule(effect="read")}},
        {"returns": {"integrity": "trusted"}},
        {"sandbox": "docker"},
        {"limits": {"memory": "512m"}},
        {"stateless": True},
        {"pool": 2},
        {"idle": "1m"},
    ],
    ids=str,
)
def test_rules_labels_owner_and_written_out_defaults_do_not_change_the_digest(change: dict):
    assert server_digest(ServerSettings(**{**BASE, **change})) == server_digest(ServerSettings(**BASE))


def test_two_clones_have_one_digest(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    first, second = load(folder, PRODUCT), load(other, PRODUCT)
    assert server_digest(first.servers["git"]) == server_digest(second.servers["git"])


def test_a_missing_file_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="gatehost mcp add"):
        load_servers(tmp_path / "mcp_servers.toml", home=tmp_path / "state")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, make):
    make(tmp_path / "mcp_servers.toml")
    with pytest.raises(ConfigError, match="regular file"):
        load_servers(tmp_path / "mcp_servers.toml", home=tmp_path / "state")


def test_size_encoding_and_depth_are_bounded(folder: Path):
    path = folder / "mcp_servers.toml"
    cases = {
        b"#" * (FILE_BYTES + 1): "larger",
        b"version = 1\nowner = '\xff'\n": ":2: it is not UTF-8",
        b"version = 1\n" + b".".join([b"a"] * 100_000) + b" = 1\n": ":2: a key or value is nested",
        b"[" + b"a." * 100_000 + b"a\n": ":1: a key or value is nested",
        b"a = " + b"[" * 100_000: ":1: a key or value is nested",
        b"a = " + b"{a=" * 100_000: ":1: a key or value is nested",
        b"version = " + b"9" * 10_000: "not TOML",
    }
    for data, said in cases.items():
        path.write_bytes(data)
        with pytest.raises(ConfigError) as caught:
            load_servers(path, home=folder.parent / "state")
        assert said in str(caught.value)


def test_no_error_repeats_a_value(folder: Path):
    error = refusal(folder, GIT + 'tokn = "hunter2"\nowner = ["hunter2"]\n')
    assert "hunter2" not in str(error)
    assert "1 more fault" in str(error)


MODELS = (ServerSettings, MountSettings, ToolRule, ArgumentRule)
LETTERS = "abcdefghijklmnopqrstuvwxyz_"


def one_slip(draw, key: str) -> str:
    at = draw(st.integers(0, len(key) - 1))
    kind = draw(st.sampled_from(["add", "drop", "change", "swap"]))
    letter = draw(st.sampled_from(LETTERS))
    if kind == "add":
        return key[:at] + letter + key[at:]
    if kind == "drop":
        return key[:at] + key[at + 1 :]
    if kind == "change":
        return key[:at] + letter + key[at + 1 :]
    return key[:at] + key[at : at + 2][::-1] + key[at + 2 :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_key_with_one_slip_is_answered_with_the_key(tmp_path: Path, data: st.DataObject):
    model = data.draw(st.sampled_from(MODELS))
    key = data.draw(st.sampled_from(sorted(model.model_fields)))
    typo = one_slip(data.draw, key)
    later = {"url", "egress", "secrets", "grants"}
    if not typo or typo in model.model_fields or typo in later:
        return
    body = {
        ServerSettings: f"[servers.s]\n{typo} = 1\n",
        MountSettings: f"[servers.s]\nmounts = [{{ {typo} = 1 }}]\n",
        ToolRule: f"[servers.s.tools.t]\n{typo} = 1\n",
        ArgumentRule: f"[servers.s.tools.t.arguments]\na = {{ {typo} = 1 }}\n",
    }[model]
    error = refusal(tmp_path, "version = 1\n" + body)
    rivals = [name for name in model.model_fields if distance(typo, name) <= 1]
    assert any(f"`{name}`" in (error.next_step or "") for name in rivals)
    assert f"unknown key `{typo}`" in error.what
    if rivals == [key]:
        assert nearest(typo, model.model_fields) == key


def test_valid_keys_are_known_at_every_depth():
    assert set(valid_keys(ServerSettings, ("mounts", 3))) == {"host", "at", "mode"}
    assert "memory" in valid_keys(ServerSettings, ("limits",))
    assert set(valid_keys(ServerSettings, ("tools", "x", "returns"))) == {"integrity", "labels"}


KEYS = ["version", "servers", "s", "command", "package", "mounts", "host", "at", "mode", "limits", "memory", "env", "A"]
KEYS += ["tools", "t", "effect", "arguments", "a", "one_of", "egress", "url", "'q\"'", '"x y"', "sandbox", "cpus"]
SCALARS = ["1", "true", '"x"', "'.'", '"/x"', '"read"', '"rw"', "nan", "-inf", "1e400", "2026-01-01", '"""\na"""', "[]"]
SCALARS += [
    '["a", 1]',
    "{}",
    '{ host = ".", at = "/y" }',
    '[{ host = "..", at = "/y", mode = "rw" }]',
    '"9t"',
    '"\\u0000"',
]
key_text = st.lists(st.sampled_from(KEYS), min_size=1, max_size=6).map(".".join)
lines = st.one_of(
    st.tuples(key_text, st.sampled_from(SCALARS)).map(" = ".join),
    key_text.map("[{}]".format),
    key_text.map("[[{}]]".format),
    st.sampled_from(["version = 1", "[servers.s]", 'command = ["x"]', "# comment", "", "]", "= 3"]),
    st.text(max_size=12),
)
documents = st.one_of(st.text(max_size=200), st.lists(lines, max_size=14).map("\n".join))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=documents)
def test_any_text_loads_or_is_a_config_error(tmp_path: Path, text: str):
    path = tmp_path / "mcp_servers.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        file = load_servers(path, home=tmp_path / "state")
    except ConfigError as error:
        assert str(path) in str(error)
        assert escape_line(str(error)) == str(error)
    else:
        for server in file.servers.values():
            server_digest(server)


def paths_of(value: object, at: tuple = ()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*at, key)
            yield from paths_of(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*at, index)
            yield from paths_of(item, (*at, index))


@settings(max_examples=400, deadline=None)
@given(text=documents)
def test_wherever_the_parser_finds_a_key_the_scanner_has_its_line(text: str):
    try:
        data = tomllib.loads(text)
        found = key_lines(text.replace("\r\n", "\n"))
    except (ValueError, TooDeep):
        return
    rows = text.replace("\r\n", "\n").split("\n")
    for path in paths_of(data):
        assert path in found
    for path, line in found.items():
        last = path[-1]
        assert isinstance(last, int) or last in rows[line - 1] or '"' in rows[line - 1]


def test_the_scanner_is_not_misled_by_texts_and_comments(folder: Path):
    path = folder / "x.toml"
    path.write_text(
        'a = """\n[servers.fake]\nkey = 1 \\""" ""quoted""""" # ]\n'
        "b = '''\n'' x = 1\n'''\n"
        'c = [ # [not.a.table]\n  1, {d = "}, e = 2", f = [2,\n3]}, ]\n'
        "[[t]]\nk = 1\n[[t]]\nk = 2\n[t.u]\nv = 3\n"
    )
    lines = read_toml(path).lines
    assert {
        key: lines[key] for key in [("a",), ("b",), ("c",), ("c", 1, "f", 1), ("t", 1, "k"), ("t", 1, "u", "v")]
    } == {
        ("a",): 1,
        ("b",): 4,
        ("c",): 7,
        ("c", 1, "f", 1): 9,
        ("t", 1, "k"): 13,
        ("t", 1, "u", "v"): 15,
    }
    assert ("servers", "fake") not in lines
    assert ("e",) not in lines


@pytest.mark.parametrize(
    "kind", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("docker", "bubblewrap")]
)
async def test_a_server_cannot_replace_its_configuration_not_even_by_renaming_the_folder_around_it(
    folder: Path, sandbox_home: SandboxHome, kind: str
):
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    text = GIT + f"mounts = [{{ host = '{folder}', at = '/code', mode = 'rw' }}]\n"
    file = load(inner, text, home=sandbox_home.folder)
    attack = (
        "cd /code; echo 1 > a/b/written; mv a z; mv a/b a/z; rm -f a/b/mcp_servers.toml; mkdir -p a/b; "
        "echo forged > a/b/new; mv a/b/new a/b/mcp_servers.toml; echo forged > a/b/mcp_servers.toml; exit 0"
    )
    spec = SandboxSpec(
        server="git",
        run_id="run_test",
        owner=this_process(),
        program=Program(("sh", "-c", attack)),
        mounts=file.sandbox_mounts("git"),
    )
    with anyio.fail_after(60):
        async with registry.get(kind).make(sandbox_home).open(spec) as opened:
            await opened.exited()
    assert (inner / "written").read_text() == "1\n", "the attack did not run"
    assert (inner / "mcp_servers.toml").read_text() == text
    assert [path.name for path in folder.iterdir()] == ["a"]
