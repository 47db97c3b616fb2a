"""The root folders, the linter's list, the wheel's list and pyright's list are one list."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {"tests", "benchmarks"}  # Python folders that are not part of the program.


def _settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def _root_packages() -> set[str]:
    return {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir()
        and not folder.name.startswith(".")
        and any(folder.glob("*.py"))
        and folder.name not in BESIDE
    }


def test_import_linter_guards_every_root_folder():
    assert set(_settings()["importlinter"]["root_packages"]) == _root_packages()


def test_every_root_folder_has_its_place_in_the_layers():
    layers = next(c for c in _settings()["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    assert {name.strip() for layer in layers for name in layer.split("|")} == _root_packages()


def test_the_wheel_and_pyright_take_every_root_folder():
    assert set(_settings()["hatch"]["build"]["targets"]["wheel"]["packages"]) == _root_packages()
    assert _root_packages() <= set(_settings()["pyright"]["include"])


def test_every_folder_of_the_program_is_a_package():
    without = [
        str(folder.relative_to(ROOT))
        for name in _root_packages()
        for folder in (ROOT / name, *(ROOT / name).rglob("*"))
        if folder.is_dir() and any(folder.glob("*.py")) and not (folder / "__init__.py").exists()
    ]
    assert without == []
