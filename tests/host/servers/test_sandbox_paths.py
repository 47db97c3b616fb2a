"""Where a path text leads inside a sandbox: `..`, links in mounts, links out of them, and what cannot be told."""

import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.servers.sandbox_paths import resolve
from sandboxes.interface import Mount


@pytest.fixture
def mounts(tmp_path: Path) -> tuple[Mount, ...]:
    """`/repo`, and `/repo/vendor` from another folder of the host."""
    repo, vendor = tmp_path / "repo", tmp_path / "vendor"
    (repo / "src").mkdir(parents=True)
    (repo / "vendor").mkdir()
    vendor.mkdir()
    return Mount(repo, "/repo"), Mount(vendor, "/repo/vendor")


def link(mount: Mount, name: str, target: str) -> None:
    (mount.host / name).symlink_to(target)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/repo/src/a.py", "/repo/src/a.py"),
        ("/repo/./src//a.py/", "/repo/src/a.py"),
        ("/repo/../etc/passwd", "/etc/passwd"),
        ("/../../repo", "/repo"),
        ("repo/src", "/repo/src"),
        ("", "/"),
        (".", "/"),
        ("/repo/new/../../x", "/x"),
        ("/repository/a", "/repository/a"),
        ("//repo/src", "/repo/src"),
    ],
)
def test_a_text_without_links_is_plain(mounts: tuple[Mount, ...], text: str, place: str) -> None:
    assert resolve(text, mounts) == place


@pytest.mark.promise("a_path_stays_within")
@pytest.mark.parametrize(
    ("target", "text", "place"),
    [
        ("/etc", "/repo/link/passwd", "/etc/passwd"),
        ("../../etc", "/repo/link/passwd", "/etc/passwd"),
        ("../../../../../etc", "/repo/link", "/etc"),
        ("src", "/repo/link/a.py", "/repo/src/a.py"),
        ("src", "/repo/link/../b", "/repo/b"),
        ("src/../.git", "/repo/link/config", "/repo/.git/config"),
        ("/repo/vendor", "/repo/link/x", "/repo/vendor/x"),
        ("nowhere", "/repo/link", "/repo/nowhere"),
    ],
)
def test_a_link_in_a_mount_is_followed(mounts: tuple[Mount, ...], target: str, text: str, place: str) -> None:
    link(mounts[0], "link", target)
    assert resolve(text, mounts) == place


@pytest.mark.promise("a_path_stays_within")
def test_a_link_behind_a_link_is_followed(mounts: tuple[Mount, ...]) -> None:
    link(mounts[0], "one", "two")
    link(mounts[0], "two", "vendor/three")
    link(mounts[1], "three", "/home")
    assert resolve("/repo/one/x", mounts) == "/home/x"


def test_the_innermost_mount_counts(mounts: tuple[Mount, ...]) -> None:
    """Below `/repo/vendor` the host folder of `/repo` is covered, its links too."""
    link(mounts[0], "vendor/x", "/etc")
    assert resolve("/repo/vendor/x", mounts) == "/repo/vendor/x"


@pytest.mark.promise("doubt_denies_a_path")
def test_a_circle_leads_nowhere(mounts: tuple[Mount, ...]) -> None:
    link(mounts[0], "a", "b")
    link(mounts[0], "b", "a")
    assert resolve("/repo/a", mounts) is None


@pytest.mark.promise("doubt_denies_a_path")
@pytest.mark.parametrize("text", ["/repo/a\0b", "/repo/" + "x" * 5000, "/repo/" + "y" * 300, "/repo/\ud800"])
def test_what_is_no_path_leads_nowhere(mounts: tuple[Mount, ...], text: str) -> None:
    assert resolve(text, mounts) is None


@pytest.mark.promise("doubt_denies_a_path")
@pytest.mark.parametrize(
    "text",
    ["/proc/self/root/repo/.git", "/proc/1/cwd", "proc/self/fd/3", "/repo/../proc/thread-self/root", "/dev/fd/3"],
)
def test_the_other_names_that_the_kernel_has_for_everything_lead_nowhere(mounts: tuple[Mount, ...], text: str) -> None:
    assert resolve(text, mounts) is None


@pytest.mark.promise("doubt_denies_a_path")
@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_leads_nowhere(mounts: tuple[Mount, ...]) -> None:
    (mounts[0].host / "src").chmod(0)
    try:
        assert resolve("/repo/src/a", mounts) is None
    finally:
        (mounts[0].host / "src").chmod(0o755)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["repo", "..", ".", "", "a", "src"]), max_size=12), st.booleans())
def test_without_links_it_is_normalisation(parts: list[str], absolute: bool) -> None:
    text = ("/" if absolute else "") + "/".join(parts)
    assert resolve(text, ()) == "/" + posixpath.normpath("/" + text).lstrip("/")
