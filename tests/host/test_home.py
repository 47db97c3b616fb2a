"""Where state lives."""

import os
import stat
from pathlib import Path

import pytest

from context.errors import ConfigError
from host.home import find_home


def test_gatehost_home_overrides_every_other_place(tmp_path: Path) -> None:
    environ = {"GATEHOST_HOME": str(tmp_path / "here"), "XDG_STATE_HOME": "/elsewhere", "HOME": "/root"}
    assert find_home(environ).folder == tmp_path / "here"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/h"}, "/state/gatehost"),
        ({"HOME": "/h"}, "/h/.local/state/gatehost"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/gatehost"),
        ({"XDG_STATE_HOME": "", "GATEHOST_HOME": "  ", "HOME": "/h"}, "/h/.local/state/gatehost"),
    ],
)
def test_the_xdg_folders_are_followed(environ: dict[str, str], folder: str) -> None:
    assert find_home(environ).folder == Path(folder)


def test_a_relative_gatehost_home_does_not_move_with_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = find_home({"GATEHOST_HOME": "state"})
    monkeypatch.chdir("/")
    assert home.folder == tmp_path / "state"


def test_the_folder_is_made_on_demand_and_is_private(tmp_path: Path) -> None:
    home = find_home({"GATEHOST_HOME": str(tmp_path / "a" / "b")})
    assert not home.folder.exists()
    home.prepare()
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert {home.journal.parent, home.record.parent, home.servers.parent} == {home.folder}
    assert home.sandbox_home().folder == home.folder


@pytest.mark.parametrize("below", ["file", "file/deeper"])
def test_a_file_in_its_place_is_refused_by_name(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file") as caught:
        find_home({"GATEHOST_HOME": str(tmp_path / below)}).prepare()
    assert str(tmp_path / below) in str(caught.value)
    assert "GATEHOST_HOME" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        find_home({"GATEHOST_HOME": str(tmp_path / "closed")}).prepare()
    with pytest.raises(ConfigError, match="cannot be made"):
        find_home({"GATEHOST_HOME": str(tmp_path / "closed" / "in")}).prepare()
