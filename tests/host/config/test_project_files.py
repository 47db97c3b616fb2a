import os
from pathlib import Path

import pytest

from context.errors import ConfigError
from host.config.project_files import find_project


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`a/b/c`, nothing in it."""
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    return tmp_path / "a"


def test_nothing_is_found_where_nothing_is(tree: Path):
    project = find_project(tree / "b" / "c")
    assert (project.servers, project.settings, project.lock) == (None, None, None)
    assert project.explicit


def test_each_file_is_found_from_the_current_folder_upward(tree: Path):
    (tree / "mcp_servers.toml").touch()
    (tree / "b" / "gatehost.toml").touch()
    (tree / "b" / "policies").mkdir()
    project = find_project(tree / "b" / "c")
    assert project.servers == tree / "mcp_servers.toml"
    assert project.settings == tree / "b" / "gatehost.toml"
    assert project.lock == tree / "mcp_servers.lock"
    assert project.policies == tree / "b" / "policies"
    assert not project.explicit


def test_the_nearest_file_wins(tree: Path):
    for folder in (tree, tree / "b"):
        (folder / "mcp_servers.toml").touch()
    assert find_project(tree / "b" / "c").servers == tree / "b" / "mcp_servers.toml"


def test_a_folder_of_that_name_is_passed_over_but_a_dangling_link_is_not(tree: Path):
    (tree / "mcp_servers.toml").touch()
    (tree / "b" / "mcp_servers.toml").mkdir()
    assert find_project(tree / "b").servers == tree / "mcp_servers.toml"
    (tree / "b" / "mcp_servers.toml").rmdir()
    (tree / "b" / "mcp_servers.toml").symlink_to("gone")
    assert find_project(tree / "b").servers == tree / "b" / "mcp_servers.toml"


def test_files_named_on_the_command_line_are_used_instead(tree: Path):
    (tree / "mcp_servers.toml").touch()
    (tree / "gatehost.toml").touch()
    (tree / "b" / "mine.toml").touch()
    (tree / "b" / "set.toml").touch()
    one = find_project(tree / "b", servers=Path("mine.toml"))
    assert (one.servers, one.lock) == (tree / "b" / "mine.toml", tree / "b" / "mcp_servers.lock")
    assert one.found_servers == tree / "mcp_servers.toml"
    assert (one.explicit_servers, one.explicit_settings, one.explicit) == (True, False, False)
    both = find_project(tree / "b", servers=Path("mine.toml"), config=tree / "b" / "set.toml")
    assert both.settings == tree / "b" / "set.toml"
    assert both.explicit


@pytest.mark.parametrize("option", ["config", "servers"])
def test_a_named_file_that_is_not_there_is_an_error(tree: Path, option: str):
    for name in ("nope.toml", "b"):
        with pytest.raises(ConfigError, match=f"--{option}: .*Name a file"):
            find_project(tree, **{option: Path(name)})


def test_the_search_stops_below_a_folder_that_everybody_may_write(tree: Path):
    (tree / "mcp_servers.toml").touch()
    tree.chmod(0o1777)
    assert find_project(tree / "b" / "c").servers is None
    assert find_project(tree).servers == tree / "mcp_servers.toml"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_the_search_stops_below_a_folder_of_another_user(tree: Path):
    (tree / "mcp_servers.toml").touch()
    os.chown(tree, 12345, 12345)
    assert find_project(tree / "b").servers is None
    os.chown(tree / "b", 12345, 12345)
    assert find_project(tree / "b").servers == tree / "mcp_servers.toml"
