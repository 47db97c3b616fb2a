"""Packages of this machine's distribution: installed by its own apt, from the sources it is set up with.

Decides: how apt is called, and how its sources and proxies are handed to mmdebstrap. Names no mirror. Does not
decide what is installed or when; it is never called unless the operator asked for installation.
"""

import os
import re
from collections.abc import Callable, Sequence

from context.errors import SandboxError
from sandboxes.runtime.host_commands import check_command
from sandboxes.runtime.host_facts import Distribution, distribution, is_root

_SECONDS = 900.0
_HANDED_ON = re.compile(
    r"Acquire::(?:https?::|Retries\b|Check-Valid-Until\b|Max-FutureTime\b)|APT::Get::AllowUnauthenticated\b",
    re.IGNORECASE,
)


def can_install() -> bool:
    """Root on Debian or Ubuntu. Nothing else is ever installed into."""
    return is_root() and distribution().has_apt


async def install_packages(names: Sequence[str], *, say: Callable[[str], None]) -> None:
    """Install distribution packages, saying which.

    Raises:
        SandboxError: we may not, or apt cannot.
    """
    if not can_install():
        raise SandboxError(
            f"{', '.join(names)} cannot be installed from here",
            next_step=f"As root on Debian or Ubuntu: apt-get install {' '.join(names)}",
        )
    say(f"installing with apt-get: {', '.join(names)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    fix = "Check the network and /etc/apt/sources.list.d, then run it again"
    # A source that the operator's own apt cannot reach must not stop an install from the others.
    for verb in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        try:
            await check_command(
                ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *verb],
                timeout=_SECONDS,
                doing=" ".join(verb),
                next_step=fix,
                env=env,
            )
        except SandboxError as error:
            if verb != ["update"]:
                raise
            say(f"apt-get update was not complete, going on: {error.what}")


async def sources_list(release: Distribution | None = None) -> str:
    """This machine's own sources for its own release, as one-line entries (sources.list(5)).

    Third-party repositories stay out: their packages have no place in a sandbox.

    Raises:
        SandboxError: apt has none.
    """
    here = release or distribution()
    shape = "$(TARGET_OF)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)|$(ORIGIN)"
    listed = await check_command(
        ["apt-get", "indextargets", "--format", shape, "Created-By: Packages"],
        timeout=60.0,
        doing="list its sources",
        next_step="Check /etc/apt/sources.list and /etc/apt/sources.list.d",
    )
    text = read_sources(listed, here)
    if not text:
        raise SandboxError(
            f"apt has no sources for {here.name} {here.codename}",
            next_step="Set up /etc/apt/sources.list, then run `apt-get update`",
        )
    return text


def read_sources(listed: str, release: Distribution) -> str:
    """Lines of `TARGET_OF|REPO_URI|RELEASE|COMPONENT|SIGNED_BY|ORIGIN` → a sources.list of the distribution itself."""
    suites = {release.codename, f"{release.codename}-updates", f"{release.codename}-security"}
    components: dict[tuple[str, str, str], list[str]] = {}
    for line in listed.splitlines():
        parts = line.split("|")
        if len(parts) != 6:
            continue
        target, uri, suite, component, signed_by, origin = parts
        if target != "deb" or suite not in suites or (origin and origin.lower() != release.name):
            continue
        # A key given inline spans lines in its own file format and cannot stand here.
        signed = signed_by if signed_by.startswith("/") and " " not in signed_by else ""
        found = components.setdefault((uri, suite, signed), [])
        if component not in found:
            found.append(component)
    return "".join(
        f"deb {f'[signed-by={signed}] ' if signed else ''}{uri} {suite} {' '.join(found)}\n"
        for (uri, suite, signed), found in components.items()
    )


async def transport_options() -> list[str]:
    """How this machine's apt reaches its sources (proxies, certificates), as lines of apt.conf(5)."""
    dumped = await check_command(
        ["apt-config", "dump", "--no-empty"], timeout=30.0, doing="show its settings", next_step="Check /etc/apt"
    )
    return [line for line in dumped.splitlines() if _HANDED_ON.match(line)]
