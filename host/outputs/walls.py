"""The evidence of a sandbox in a few words, for one line of a screen.

Decides: which facts a person wants first. Does not decide anything about the walls; the record has all facts.
"""

from typing import cast

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

_OWN = ("/opt/server", "/opt/node")


def wall_line(evidence: JsonObject) -> str:
    """`docker/runc, no network, read-only root, uid 0 without capabilities, 512 MiB, 128 pids, /repo rw`."""
    facts = evidence.get("facts")
    if not isinstance(facts, dict):
        return escape_line(str(evidence.get("kind")), 40)
    if evidence.get("isolated") is False:
        return "UNCONFINED: nothing stands around it"
    words = [_kind(evidence, facts)]
    words.append("no network" if facts.get("network") == "none" else f"network {facts.get('network')}")
    if facts.get("read_only_root") is True or _mode(facts, "/") == "ro":
        words.append("read-only root")
    process = facts.get("process")
    if isinstance(process, dict):
        bare = process.get("effective_capabilities") == "0"
        words.append(f"uid {process.get('uid')} {'without' if bare else 'WITH'} capabilities")
    words += _limits(facts)
    words += [f"{mount.get('at')} {mount.get('mode')}" for mount in _mounts(facts) if mount.get("host")]
    differences = evidence.get("differences")
    words.append("as declared" if not differences else "NOT AS DECLARED")
    return escape_line(", ".join(words), 300)


def _kind(evidence: JsonObject, facts: JsonObject) -> str:
    runtime = facts.get("runtime")
    return f"{evidence.get('kind')}/{runtime}" if runtime else str(evidence.get("kind"))


def _limits(facts: JsonObject) -> list[str]:
    words: list[str] = []
    memory = facts.get("memory")
    if isinstance(memory, int):
        words.append(f"{memory // 1024**2} MiB")
    for name, unit in (("pids", "pids"), ("cpus", "CPU")):
        if facts.get(name) is not None:
            words.append(f"{facts[name]:g} {unit}" if isinstance(facts[name], int | float) else f"{facts[name]} {unit}")
    return words


def _mounts(facts: JsonObject) -> list[JsonObject]:
    mounts = facts.get("mounts")
    found = [cast("JsonObject", mount) for mount in cast("list[JsonValue]", mounts)] if isinstance(mounts, list) else []
    return [mount for mount in found if not str(mount.get("at")).startswith(_OWN)]


def _mode(facts: JsonObject, at: str) -> JsonValue:
    return next((mount.get("mode") for mount in _mounts(facts) if mount.get("at") == at), None)
