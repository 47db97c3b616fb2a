"""The system-call list as Docker's seccomp profile, for every architecture that the engine runs on.

Decides: the JSON form (https://docs.docker.com/engine/security/seccomp/), which engines from 20.10 on take. Does not
decide which calls are allowed (`system_calls`). The engine's own profile is not used: old ones allow io_uring, and
which one stands would depend on the engine.

Only the machine's native calling convention is listed: 32-bit and x32 calls on a 64-bit kernel have numbers of their
own and would be a way around.
"""

import json
from functools import lru_cache
from typing import Any

from context.json_values import digest_bytes
from sandboxes.seccomp.system_calls import ABSENT, ALLOWED, CONDITIONS, ENOSYS, EPERM, REFUSED_BY_NAME, Condition

_NATIVE = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390X", "SCMP_ARCH_RISCV64")
_SWAPPED = ["s390", "s390x"]  # Their clone(2) takes the flags second.
_LOW_BITS = 0xFFFFFFFF


@lru_cache(maxsize=1)
def docker_profile() -> str:
    """The profile, as the value of the engine's security option `seccomp=`."""
    calls: list[dict[str, Any]] = [{"names": sorted(ALLOWED), "action": "SCMP_ACT_ALLOW"}]
    for name, condition in CONDITIONS.items():
        if name == "clone":
            calls += [
                {**_rule(name, condition), "excludes": {"arches": _SWAPPED}},
                {**_rule(name, condition, argument=1), "includes": {"arches": _SWAPPED}},
            ]
        elif condition.test == "lacks":
            calls.append(_rule(name, condition))
        else:
            # Conditions within a rule hold together; alternatives are rules of their own.
            calls += [_rule(name, Condition(condition.argument, "equals", (value,))) for value in condition.values]
    calls += [
        {"names": sorted(REFUSED_BY_NAME), "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
        {"names": sorted(ABSENT), "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
    ]
    profile: dict[str, Any] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "archMap": [{"architecture": name, "subArchitectures": []} for name in _NATIVE],
        "syscalls": calls,
    }
    return json.dumps(profile, separators=(",", ":"))


def profile_digest() -> str:
    """`sha256:…` of the profile; what the evidence shows instead of its text."""
    return digest_bytes(docker_profile().encode())


def _rule(name: str, condition: Condition, *, argument: int | None = None) -> dict[str, Any]:
    # The kernel reads 32 bits of these arguments; comparing all 64 would let high bits slip a value through.
    mask, wanted = (condition.values[0], 0) if condition.test == "lacks" else (_LOW_BITS, condition.values[0])
    index = condition.argument if argument is None else argument
    return {
        "names": [name],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": index, "value": mask, "valueTwo": wanted, "op": "SCMP_CMP_MASKED_EQ"}],
    }
