"""Nothing but protocol reaches the client."""

import os
import subprocess
import sys

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification

from context.errors import UsageError
from host.serve.pipes import connection, own_descriptors


def test_what_is_printed_meanwhile_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with own_descriptors() as (_, sink):
        os.write(1, b"stray\n")
        subprocess.run([sys.executable, "-c", "print('of a child'); assert input is not None"], check=True, timeout=10)
        os.write(sink, b"protocol\n")
    os.write(1, b"afterwards\n")
    out, err = capfd.readouterr()
    assert out == "protocol\nafterwards\n"
    assert err == "stray\nof a child\n"


def test_a_child_finds_nothing_of_the_clients_on_its_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = os.pipe()
    before = os.dup(0)
    os.dup2(theirs, 0)
    os.write(ours, b"the client's\n")
    try:
        with own_descriptors() as (source, _):
            done = subprocess.run(
                [sys.executable, "-c", "import sys; print(sys.stdin.read())"], capture_output=True, timeout=10
            )
            assert done.stdout.strip() == b""
            assert os.read(source, 100) == b"the client's\n"
    finally:
        os.dup2(before, 0)
        for descriptor in (theirs, ours, before):
            os.close(descriptor)


def test_without_a_stdin_there_is_nobody_to_serve() -> None:
    before = os.dup(0)
    os.close(0)
    try:
        with pytest.raises(UsageError, match="closed"), own_descriptors():
            pass
    finally:
        os.dup2(before, 0)
        os.close(before)


async def test_answers_larger_than_a_pipe_arrive_whole() -> None:
    theirs_in, to = os.pipe()
    of, theirs_out = os.pipe()
    got = bytearray()
    note = JSONRPCNotification(jsonrpc="2.0", method="note", params={"text": "ä" * 200_000})
    with anyio.fail_after(10):
        async with connection(theirs_in, theirs_out) as (_read, write):

            async def read_all() -> None:
                while not got.endswith(b"\n"):
                    await anyio.wait_readable(of)
                    got.extend(os.read(of, 65536))

            async with anyio.create_task_group() as group:
                group.start_soon(read_all)
                await write.send(SessionMessage(note))
    assert JSONRPCNotification.model_validate_json(bytes(got)) == note
    for descriptor in (theirs_in, to, of, theirs_out):
        os.close(descriptor)


async def test_input_from_a_file_is_read_to_its_end(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """As in `gatehost serve --stdio < requests.jsonl`."""
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\nnonsense\n')
    source = os.open(path, os.O_RDONLY)
    sink = os.open(tmp_path / "answers", os.O_WRONLY | os.O_CREAT)
    with anyio.fail_after(10):
        async with connection(source, sink) as (read, _write):
            assert [item.message.id async for item in read] == [1]  # type: ignore[union-attr]
    assert b"-32700" in (tmp_path / "answers").read_bytes()
    os.close(source)
    os.close(sink)
