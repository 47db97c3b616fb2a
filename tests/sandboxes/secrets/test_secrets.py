"""Secrets reach their server as files in memory, and come back to nobody."""

import base64
import json
import os
import signal
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.interface import Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.registry import kinds
from sandboxes.secrets.files import reap_secret_files, with_secret_files
from sandboxes.secrets.values import SecretValues
from sandboxes.wire.stderr_ring import StderrRing
from tests.hostile.programs import hostile_program
from tests.sandboxes.connections import connected, words

VALUE = "s3cr3t/value+with spaces"
SPEC = SandboxSpec("kit", "run_secrets", this_process(), Program(("x",)), secrets={"TOKEN": VALUE})
KINDS = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    "unconfined",
]


def folders() -> set[Path]:
    return set(Path("/dev/shm").glob("gatehost-secrets-*"))


async def test_the_files_are_in_memory_closed_to_others_and_gone_afterwards() -> None:
    before = folders()
    async with with_secret_files(SPEC) as spec:
        (made,) = folders() - before
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        mount = spec.program.mounts[-1]
        assert (mount.at, mount.mode) == ("/run/secrets", "ro")
        assert mount.host.is_relative_to(made)
        assert (mount.host / "TOKEN").read_text() == VALUE
        assert spec.program.env["TOKEN_FILE"] == "/run/secrets/TOKEN"
        assert VALUE not in repr(spec)
    assert folders() == before


async def test_a_spec_without_secrets_gets_no_folder() -> None:
    before = folders()
    async with with_secret_files(replace(SPEC, secrets={})) as spec:
        assert folders() == before
        assert spec.program.mounts == ()


async def test_what_a_dead_owner_left_is_removed_and_nothing_else() -> None:
    async with with_secret_files(replace(SPEC, owner="a:b:1:1")) as left, with_secret_files(SPEC) as living:
        gone, stays = left.program.mounts[-1].host, living.program.mounts[-1].host
        assert gone.parent.name in reap_secret_files()
        assert not gone.exists()
        assert stays.exists()


async def test_a_killed_host_leaves_its_secrets_to_the_next_start() -> None:
    program = (
        "import anyio, sys; from tests.sandboxes.secrets.test_secrets import SPEC\n"
        "from sandboxes.secrets.files import with_secret_files\n"
        "async def main():\n"
        "    async with with_secret_files(SPEC) as spec:\n"
        "        print(spec.program.mounts[-1].host, flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    with anyio.fail_after(30):
        async with await anyio.open_process([sys.executable, "-c", program], cwd=Path(__file__).parents[3]) as host:
            assert host.stdout is not None
            folder = Path((await host.stdout.receive()).decode().strip())
            host.send_signal(signal.SIGKILL)
            await host.wait()
        assert folder.exists()
        assert folder.parent.name in reap_secret_files()
    assert not folder.exists()


@pytest.mark.promise("secrets_are_files_in_memory_only")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_finds_its_secret_in_a_file_and_nowhere_else(kind: str, sandbox_home: SandboxHome) -> None:
    spec = replace(SPEC, program=hostile_program("honest"))
    with anyio.fail_after(30):
        async with kinds()[kind].make(sandbox_home).open(spec) as opened, connected(opened) as client:
            seen: Any = json.loads(words(await client.call_tool("look", {})))
            path = seen["env"]["TOKEN_FILE"]
            # It reads its own secret, and what it says of it does not arrive.
            said = words(await client.call_tool("read_file", {"path": path}))
            assert said == "[secret TOKEN]"
            assert (await client.call_tool("write_file", {"path": path, "text": "x"})).content
            evidence = json.dumps(opened.evidence.as_json())
            mounts = words(await client.call_tool("read_file", {"path": "/proc/self/mounts"}))
            if kind != "unconfined":
                assert path == "/run/secrets/TOKEN"
                assert "tmpfs /run/secrets tmpfs ro" in mounts
            shown = _all_that_the_engine_shows() if kind == "docker" else ""
    for text in (json.dumps(seen["env"]), seen["init_env"], evidence, shown):
        assert "s3cr3t" not in text


def _all_that_the_engine_shows() -> str:
    from sandboxes.runtime.engine import connect

    client = connect()
    try:
        (found,) = client.containers.list(filters={"label": "gatehost.run=run_secrets"})
        return json.dumps([client.api.inspect_container(found.id), client.api.top(found.id)])
    finally:
        client.close()


@pytest.mark.promise("a_secret_never_comes_back")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_repeats_its_secret_is_not_heard(kind: str, sandbox_home: SandboxHome) -> None:
    forms = [VALUE, base64.b64encode(b"ab" + VALUE.encode()).decode(), VALUE.encode().hex(), quote(VALUE, safe="")]
    spec = replace(SPEC, program=hostile_program("honest"))
    with anyio.fail_after(30):
        async with kinds()[kind].make(sandbox_home).open(spec) as opened, connected(opened) as client:
            for form in forms:
                said = words(await client.call_tool("echo", {"text": f"<{form}>"}))
                assert "[secret TOKEN]" in said
                assert form not in said


@pytest.mark.parametrize("kind", KINDS)
async def test_a_secret_on_stderr_is_not_kept(kind: str, sandbox_home: SandboxHome) -> None:
    script = 'cat "$TOKEN_FILE" >&2; echo " end" >&2'
    spec = replace(SPEC, program=Program(("/bin/sh", "-c", script)))
    with anyio.fail_after(30):
        async with kinds()[kind].make(sandbox_home).open(spec) as opened:
            await opened.exited()
            assert opened.stderr_tail() == "[secret TOKEN] end\n"


HIDDEN = SecretValues({"A": "first-secret", "B": "12345678", "C": 'quote"and\\slash'})


@pytest.mark.parametrize(
    ("given_value", "shown"),
    [
        ("a first-secret b", "a [secret A] b"),
        ({"first-secret": [1, "x first-secret"]}, {"[secret A]": [1, "x [secret A]"]}),
        (12345678, "[secret B]"),
        (912345678, "9[secret B]"),
        (1.12345678, "1.[secret B]"),
        (1234567, 1234567),
        (True, True),
        (None, None),
        ('say quote"and\\slash', "say [secret C]"),
        ("FIRST-SECRET", "FIRST-SECRET"),
    ],
)
def test_every_text_name_and_number_is_looked_at(given_value: Any, shown: Any) -> None:
    assert HIDDEN.hide_in(given_value) == shown


@given(st.binary(max_size=9), st.text(min_size=6, max_size=40), st.binary(max_size=9))
def test_a_secret_in_base64_is_found_at_any_place(before: bytes, secret: str, after: bytes) -> None:
    value = secret.encode("utf-8", "replace").decode()
    encoded = base64.b64encode(before + value.encode() + after).decode()
    if encoded not in (before + after).decode("latin-1"):
        assert "[secret S]" in SecretValues({"S": value}).hide(encoded)


@given(
    st.recursive(st.text() | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner), max_leaves=20)
)
def test_without_secrets_everything_stays_the_same_object(value: Any) -> None:
    assert SecretValues({}).hide_in(value) is value


def test_the_rest_of_a_secret_at_the_cut_end_of_stderr_is_hidden_too() -> None:
    ring = StderrRing(limit=24, clock=lambda: 0.0, secrets=SecretValues({"A": "0123456789abcdef"}))
    ring.add(b"noise 0123456789abcdef and more")
    assert len(b"noise 0123456789abcdef and more") > 24
    assert "9abcdef" not in ring.text()
    assert ring.text().endswith(" and more")


def test_nesting_without_end_is_cut_and_not_followed() -> None:
    value: Any = "first-secret"
    for _ in range(5000):
        value = [value]
    assert "first-secret" not in str(HIDDEN.hide_in(value))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no /dev/shm here")
async def test_nobody_elses_folder_is_ever_reaped(tmp_path: Path) -> None:
    link = Path(f"/dev/shm/gatehost-secrets-{os.geteuid()}-{os.getpid()}-link")
    (tmp_path / "owner.json").write_text('{"owner": "a:b:1:1"}')
    link.symlink_to(tmp_path)
    try:
        assert link.name not in reap_secret_files()
        assert (tmp_path / "owner.json").exists()
    finally:
        link.unlink()
