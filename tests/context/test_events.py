"""Times and ids as they stand in events."""

import re
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from context.events import utc_text
from context.ids import new_id


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(0, 999))
def test_a_time_is_written_in_utc_with_milliseconds(moment: datetime, millis: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone.utc)
    exact = (moment + timedelta(milliseconds=millis)).timestamp()
    assert utc_text(exact) == f"{moment:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def test_a_fraction_that_rounds_up_reaches_the_next_second() -> None:
    assert utc_text(59.9999999) == "1970-01-01T00:01:00.000Z"
    assert utc_text(0.0009) == "1970-01-01T00:00:00.000Z"


def test_an_id_uses_the_whole_alphabet_and_only_it() -> None:
    ids = [new_id("call") for _ in range(400)]
    assert all(re.fullmatch(r"call_[0-9a-hj-km-np-tv-z]{20}", one) for one in ids)
    assert len({one[14:] for one in ids}) == 400
    assert len({char for one in ids for char in one[14:]}) == 32
