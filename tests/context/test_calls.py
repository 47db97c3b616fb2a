"""Tool addresses and the names models see."""

import re

from hypothesis import given
from hypothesis import strategies as st

from context.calls import MODEL_NAME_LIMIT, ToolRef
from context.ids import new_id, new_span_id, new_trace_id

refs = st.builds(
    ToolRef,
    st.from_regex(r"[a-z0-9_-]{1,40}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True),
)


def test_a_plain_tool_keeps_its_plain_name() -> None:
    assert ToolRef("git", "git_log").model_name == "git__git_log"


@given(refs)
def test_every_model_name_fits_every_provider(ref: ToolRef) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ref.model_name)
    assert len(ref.model_name) <= MODEL_NAME_LIMIT


@given(refs, refs)
def test_two_tools_never_share_a_model_name(one: ToolRef, other: ToolRef) -> None:
    if one != other:
        assert one.model_name != other.model_name


def test_tools_that_concatenate_alike_are_told_apart() -> None:
    names = {
        ToolRef(*pair).model_name
        for pair in [("a", "_b"), ("a_", "b"), ("a__b", "c"), ("a", "b__c"), ("a", "b.c"), ("a", "b_c")]
    }
    assert len(names) == 6


def test_ids_sort_by_time_and_traces_are_w3c() -> None:
    first = new_id("run")
    later = [new_id("run") for _ in range(50)]
    assert all(first[:13] <= other[:13] for other in later)
    assert re.fullmatch(r"run_[0-9a-z]{20}", first)
    assert re.fullmatch(r"[0-9a-f]{32}", new_trace_id())
    assert re.fullmatch(r"[0-9a-f]{16}", new_span_id())
