"""Who connected, as it says itself.

Decides: under which name policies, approvals and records know a client. Does not decide what it may do.
"""

from collections.abc import Container
from dataclasses import dataclass

from context.visible_text import escape_line

UNNAMED = "unnamed client"


@dataclass(frozen=True, slots=True)
class Client:
    """A name in records, never a proof."""

    name: str = UNNAMED
    version: str = ""

    def agent(self, agents: Container[str], *, served: str) -> str:
        """The agent that this client counts as.

        Another agent of the configuration cannot be claimed: its standing rules and permissions were given to runs.

        Args:
            agents: All that the configuration names.
            served: The one whose scope is served.
        """
        name = escape_line(self.name, 64) or UNNAMED
        return f"client {name}" if name in agents and name != served else name
