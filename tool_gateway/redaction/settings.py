"""The settings of redaction: `[redaction]` of `gatehost.toml`.

Decides: keys, types and defaults. Does not decide which tool is excepted from what (`unredacted` of the tool), and has
no switch that turns redaction off.
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from tool_gateway.rules import Settings


class RedactionSettings(Settings):
    """`[redaction]`.

    Attributes:
        rules: A file of further rules in gitleaks' form, relative to the settings file. Added to the shipped ones.
        phone_region: ISO 3166 code of the country whose telephone numbers are also recognised without `+`.
        label: Which findings label the result `secret` or `pii`: all that were `found`, or only those that were
            `left` in it by an exception. With `found`, content around something redacted still goes to no cloud model
            where such labels are kept from one.
    """

    rules: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    phone_region: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$")] | None = None
    label: Literal["found", "left"] = "left"
