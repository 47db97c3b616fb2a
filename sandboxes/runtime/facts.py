"""What a package must fit: the Python and the platform that it will meet inside a sandbox.

Decides: the shape, and the question that a Python is asked. Does not decide which Python; `image` asks
the runtime image's, or the distribution's own for kinds that run on the host's files.
"""

import json
import re
from dataclasses import dataclass

from context.errors import SandboxError

QUESTION = (
    "import sys, platform, json; print(json.dumps({"
    "'python': '%d.%d' % sys.version_info[:2], 'machine': platform.machine(), 'libc': platform.libc_ver()[0]}))"
)
"""For `python3 -I -c`; prints one JSON line."""


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """Where a package will run.

    Attributes:
        python: Major and minor, e.g. `3.11`.
        platform: As a target triple, e.g. `x86_64-unknown-linux-gnu`.
    """

    python: str
    platform: str

    @property
    def machine(self) -> str:
        return self.platform.partition("-")[0]

    @property
    def libc(self) -> str:
        """`gnu` or `musl`."""
        return self.platform.rpartition("-")[2]


def read_answer(text: str, *, where: str) -> RuntimeFacts:
    """The facts from what a Python answered to `QUESTION`.

    Raises:
        SandboxError: no such answer.
    """
    try:
        answer = json.loads(text)
        python, machine = str(answer["python"]), str(answer["machine"])
        if not re.fullmatch(r"3\.\d{1,2}", python) or not re.fullmatch(r"[a-z0-9_]{1,20}", machine):
            raise ValueError(text)
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError("python3 there did not say its version", where=where) from error
    return RuntimeFacts(python, f"{machine}-unknown-linux-{'gnu' if answer.get('libc') == 'glibc' else 'musl'}")
