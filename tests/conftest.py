"""What every test may ask for: a state folder of its own, and real sandboxes where this machine can have them.

A test marked `docker`, `bubblewrap` or `registry` runs wherever that can be had and is skipped with its reason
elsewhere; the last line of such a run says so. `GATEHOST_REQUIRE=docker,registry` turns these skips into failures.
"""

import json
import os
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest

from context.errors import GatehostError
from host.home import find_home
from sandboxes.interface import SandboxHome
from sandboxes.packages.clients import run_uv
from sandboxes.runtime.engine import bubblewrap_fault, look
from sandboxes.runtime.image import build, image_fault
from sandboxes.runtime.node import NODE_VERSION, node_folder, provide_node

_NEEDS = ("docker", "bubblewrap", "registry")
_REQUIRED = frozenset(name.strip() for name in os.environ.get("GATEHOST_REQUIRE", "").split(",") if name.strip())
_skipped: Counter[tuple[str, str]] = Counter()
# Of this machine, whatever a test sets later.
_MACHINE = find_home().sandbox_home()
_SCRATCH = TemporaryDirectory(prefix="gatehost-tests-")


def pytest_configure(config: pytest.Config) -> None:
    unknown = _REQUIRED - set(_NEEDS)
    if unknown:
        raise pytest.UsageError(f"GATEHOST_REQUIRE knows {', '.join(_NEEDS)}; not {', '.join(sorted(unknown))}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for need in _NEEDS:
        if item.get_closest_marker(need) is None:
            continue
        fault = _fault(need)
        if fault is not None:
            if need in _REQUIRED:
                pytest.fail(f"GATEHOST_REQUIRE asks for {need}, but: {fault}", pytrace=False)
            _skipped[need, fault] += 1
            pytest.skip(f"no {need}: {fault}")


def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    _SCRATCH.cleanup()
    if reporter is None or not _skipped:
        return
    said = "; ".join(f"{count} without {need} ({fault})" for (need, fault), count in _skipped.items())
    reporter.write_line(f"NOT TESTED: {sum(_skipped.values())} TESTS SKIPPED: {said}", red=True, bold=True)


@pytest.fixture
def gatehost_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, named by `GATEHOST_HOME`; it knows the runtime that this machine has."""
    home = tmp_path / "gatehost"
    _seed(home)
    monkeypatch.setenv("GATEHOST_HOME", str(home))
    return home


@pytest.fixture
def sandbox_home(gatehost_home: Path) -> SandboxHome:
    return SandboxHome(gatehost_home)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> SandboxHome:
    """One state folder for all tests of a run that only use unpacked packages: each is fetched once."""
    home = tmp_path_factory.mktemp("shared")
    _seed(home)
    return SandboxHome(home)


def _seed(home: Path) -> None:
    """The runtime image's record and Node, as far as this machine or this run has them."""
    runtime = home / "runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    for source in (_MACHINE, SandboxHome(Path(_SCRATCH.name))):
        record, node = source.folder / "runtime" / "image.json", node_folder(source)
        if record.is_file() and not (runtime / "image.json").exists():
            value = json.loads(record.read_text())
            if _recorded_is_usable(source):
                (runtime / "image.json").write_text(json.dumps(value))
        if node is not None and not (runtime / f"node-{NODE_VERSION}").exists():
            (runtime / f"node-{NODE_VERSION}").symlink_to(node)


@lru_cache
def _recorded_is_usable(home: SandboxHome) -> bool:
    return anyio.run(image_fault, home) is None


@lru_cache
def _fault(need: str) -> str | None:
    """Why a need cannot be met, or None after what is missing was built for this run."""
    try:
        return anyio.run({"docker": _docker, "bubblewrap": _bubblewrap, "registry": _registry}[need])
    except GatehostError as error:
        return str(error)


async def _docker() -> str | None:
    state = await look(_MACHINE)
    if not state.answers:
        return state.detail
    if await image_fault(_MACHINE) is not None:
        _recorded_is_usable.cache_clear()
        await build(SandboxHome(Path(_SCRATCH.name)), say=print)
    return None


async def _bubblewrap() -> str | None:
    fault = await bubblewrap_fault()
    if fault is None and node_folder(_MACHINE) is None:
        await provide_node(SandboxHome(Path(_SCRATCH.name)))
    return fault


async def _registry() -> str | None:
    with TemporaryDirectory() as folder:
        done = await partial(run_uv, timeout=60, cwd=Path(folder), stdin=b"anyio\n")(
            ["pip", "compile", "-", "--quiet", "--no-deps", "--only-binary", ":all:"]
        )
    return None if done.code == 0 else "the package index does not answer"
