"""What tests of the host share."""

from pathlib import Path

import pytest

from tests.host.projects import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A scratch project with a state folder of its own."""
    return Project(tmp_path, monkeypatch)
