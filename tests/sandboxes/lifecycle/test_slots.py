"""The cap on sandboxes that stand at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from context.errors import SandboxError
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.slots import SlotLimits, slot


async def test_the_cap_is_exact_and_a_slot_is_free_again_at_its_end(tmp_path: Path) -> None:
    home, limits = SandboxHome(tmp_path), SlotLimits(process=2, home=5)
    async with slot(home, server="a", limits=limits), slot(home, server="b", limits=limits):
        with pytest.raises(SandboxError, match=r"2 sandboxes of this process.*2 are the most") as refused:
            async with slot(home, server="c", limits=limits):
                pass
        assert refused.value.where == "server c"
    async with slot(home, server="c", limits=limits), slot(home, server="d", limits=limits):
        pass
    assert list((tmp_path / "slots").iterdir()) == []


async def test_other_processes_of_the_same_folder_count_while_they_live(tmp_path: Path) -> None:
    code = (
        "import anyio,sys,pathlib\n"
        "from sandboxes.lifecycle.slots import slot\nfrom sandboxes.interface import SandboxHome\n"
        "async def main():\n"
        "    async with slot(SandboxHome(pathlib.Path(sys.argv[1])), server='x'):\n"
        "        print('held', flush=True)\n        sys.stdin.read()\n"
        "anyio.run(main)\n"
    )
    home, limits = SandboxHome(tmp_path), SlotLimits(home=1)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(SandboxError, match="of this state folder"):
            async with slot(home, server="a", limits=limits):
                pass
        other.kill()
        other.wait()
    async with slot(home, server="a", limits=limits):
        assert len(list((tmp_path / "slots").iterdir())) == 1, "what the dead process held is removed"


async def test_an_error_frees_the_slot(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with slot(SandboxHome(tmp_path), server="a"):
            raise ValueError("mine")
    assert list((tmp_path / "slots").iterdir()) == []
