"""How kinds of sandbox are found."""

import pytest

from context.errors import ConfigError
from sandboxes.registry import get, kinds


def test_every_kind_is_found_by_its_name() -> None:
    assert set(kinds()) == {"docker", "bubblewrap", "unconfined"}
    assert all(get(name).name == name for name in kinds())


def test_only_unconfined_confines_nothing() -> None:
    assert [name for name, kind in kinds().items() if not kind.confines] == ["unconfined"]


@pytest.mark.parametrize(("wrong", "near"), [("dokcer", "docker"), ("bubble-wrap", "bubblewrap")])
def test_a_wrong_name_is_told_with_the_nearest_one(wrong: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f'Did you mean "{near}"'):
        get(wrong)


def test_a_name_like_none_is_told_with_all_and_shown_safely() -> None:
    with pytest.raises(ConfigError, match="docker, unconfined") as raised:
        get("\x1b[2Jvm")
    assert "\x1b" not in str(raised.value)
