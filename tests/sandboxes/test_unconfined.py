"""What little the kind `unconfined` promises."""

from pathlib import Path

import anyio
import pytest

from sandboxes.interface import Mount, SandboxHome
from sandboxes.unconfined import UnconfinedSandbox, _on_host
from tests.sandboxes.connections import connected, words
from tests.sandboxes.test_docker import spec

MOUNTS = (Mount(Path("/srv/code"), "/repo"), Mount(Path("/srv/inner"), "/repo/inner"))


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("/repo", "/srv/code"),
        ("/repo/a", "/srv/code/a"),
        ("/repo/inner/a", "/srv/inner/a"),
        ("--root=/repo", "--root=/srv/code"),
        ("/x:/repo/lib", "/x:/srv/code/lib"),
        ("/repository", "/repository"),
        ("/home/repo", "/home/repo"),
        ("see /repo", "see /repo"),
    ],
)
def test_inside_paths_become_host_paths(inside: str, outside: str) -> None:
    assert _on_host(inside, MOUNTS) == outside


async def test_it_is_loud_about_having_no_walls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(20):
        async with UnconfinedSandbox(SandboxHome(tmp_path)).open(spec("honest")) as opened:
            assert not opened.evidence.isolated
            assert any("not isolated" in note for note in opened.evidence.notes)
    assert "unconfined" in caplog.text


async def test_its_folder_is_private_and_goes_with_it(tmp_path: Path) -> None:
    with anyio.fail_after(20):
        async with UnconfinedSandbox(SandboxHome(tmp_path)).open(spec("honest")):
            (lease,) = (tmp_path / "leases").iterdir()
            assert (lease / "home").stat().st_mode & 0o077 == 0
        assert list((tmp_path / "leases").iterdir()) == []


async def test_a_living_owners_lease_is_not_reaped(tmp_path: Path) -> None:
    sandbox = UnconfinedSandbox(SandboxHome(tmp_path))
    with anyio.fail_after(20):
        async with sandbox.open(spec("honest")) as opened:
            assert await sandbox.reap() == []
            async with connected(opened) as client:
                assert words(await client.call_tool("echo", {"text": "alive"})) == "alive"
