"""The committed locks pin everything by hash, fit `pyproject.toml`, and name no host."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")


def _entries(name: str) -> dict[str, tuple[Version, list[str]]]:
    text = re.sub(r" *\\\n *", " ", (ROOT / name).read_text())
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = re.match(r"([A-Za-z0-9._-]+)==(\S+)", line)
            assert match is not None, line
            found[canonicalize_name(match[1])] = (Version(match[2]), re.findall(r"--hash=(\S+)", line))
    return found


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_sha256_hashes(name):
    entries = _entries(name)
    assert len(entries) > 20
    assert [package for package, (_, hashes) in entries.items() if not hashes] == []
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for _, hashes in entries.values() for one in hashes)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_no_place(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|-e|--(?!hash=)\S+)", text, re.MULTILINE)
    assert " @ " not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_what_the_program_asks_for(name):
    entries = _entries(name)
    wanted = [Requirement(text) for text in _project()["project"]["dependencies"]]
    if name == "requirements-dev.lock":
        wanted += [Requirement(text) for text in _project()["dependency-groups"]["dev"]]
        wanted += [Requirement(text) for text in _project()["build-system"]["requires"]]
    unmet = [str(want) for want in wanted if not _met(want, entries)]
    assert unmet == [], "run `make lock`"


def _met(want: Requirement, entries: dict[str, tuple[Version, list[str]]]) -> bool:
    entry = entries.get(canonicalize_name(want.name))
    return entry is not None and want.specifier.contains(entry[0], prereleases=True)


def test_developers_run_the_versions_that_users_get():
    program, developers = _entries("requirements.lock"), _entries("requirements-dev.lock")
    assert {name: version for name, (version, _) in program.items() if developers[name][0] != version} == {}
