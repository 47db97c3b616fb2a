"""The rules and the schema that ship, and how a project's own are added to them.

Decides: that a project's rules come on top: a forbid that ships holds whatever else permits. Does not decide where a
project's rules lie (`host/config/policy_files.py`).
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files

from tool_gateway.policy.catalogue import ToolShape
from tool_gateway.policy.cedar import CedarEngine, load
from tool_gateway.policy.faults import SCHEMA_NAME, Fault, PolicyFault

SHIPPED_RULES = "gatehost:default.cedar"
"""How errors and reasons name the file; a project's file has its folder in front."""

SHIPPED_SCHEMA = f"gatehost:{SCHEMA_NAME}"

_FOLDER = files("tool_gateway.policy") / "shipped"


def shipped_rules() -> str:
    """The text of the shipped rules."""
    return (_FOLDER / "default.cedar").read_text(encoding="utf-8")


def shipped_schema() -> str:
    """The text of the shipped schema."""
    return (_FOLDER / SCHEMA_NAME).read_text(encoding="utf-8")


def load_with_shipped(
    policies: Mapping[str, str] | None = None,
    schema: str | None = None,
    *,
    tools: Iterable[ToolShape] = (),
    schema_name: str = SCHEMA_NAME,
) -> CedarEngine:
    """The shipped rules and the project's, under the project's schema or else the shipped one.

    Args:
        policies: File name → text; none, and the shipped rules apply alone.

    Raises:
        PolicyFault: names file, line and the nearest name.
    """
    if SHIPPED_RULES in (policies or {}):
        raise PolicyFault([Fault(SHIPPED_RULES, 0, "a file is called like the shipped rules", "Rename it")])
    return load(
        {SHIPPED_RULES: shipped_rules(), **(policies or {})},
        shipped_schema() if schema is None else schema,
        tools=tools,
        schema_name=SHIPPED_SCHEMA if schema is None else schema_name,
        shipped=frozenset({SHIPPED_RULES}),
    )
