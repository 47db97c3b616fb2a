"""Declared limits held against those that stand, for every kind that has control groups.

Decides: what is a difference (a limit that the operator wrote, or that was set, does not stand) and what is only said
(a default that nothing here can enforce). Does not read anything (`cgroup_facts`).
"""

from collections.abc import Collection

from context.json_values import JsonObject
from sandboxes.interface import SandboxSpec
from sandboxes.limits.cgroup_facts import LiveLimits

_CLOSE = 0.011
"""Engines round processor time to hundredths."""


def limit_faults(
    live: LiveLimits, spec: SandboxSpec, *, cpus: float, tell: Collection[str]
) -> tuple[JsonObject, list[str], list[str]]:
    """What stands, the differences, and what is not enforced and must be said.

    Args:
        cpus: As granted.
        tell: Which of `memory`, `pids`, `cpus` was to be enforced here.
    """
    stands = {
        "memory": live.memory is not None and live.memory <= spec.memory,
        "pids": live.pids is not None and live.pids <= spec.pids,
        "cpus": live.cpus is not None and live.cpus <= cpus + _CLOSE,
    }
    facts: JsonObject = {
        "memory": live.memory,
        "memory_and_swap": live.memory_and_swap,
        "pids": live.pids,
        "cpus": live.cpus,
    }
    wrong: list[str] = []
    notes: list[str] = []
    for name, holds in stands.items():
        if holds:
            continue
        if name in tell or name in spec.written:
            wrong.append(f"limits.{name} does not stand: the kernel holds it to {facts[name] or 'nothing'}")
        else:
            notes.append(f"{name} is not enforced: no control group stands around it")
    if stands["memory"] and live.memory_and_swap is None:
        notes.append("swap is not counted in its memory limit: this kernel does not count swap")
    return facts, wrong, notes
