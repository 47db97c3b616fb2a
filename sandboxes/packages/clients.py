"""The package clients as this machine's operator set them up: uv with pip's settings, npm with its own.

Decides: which of pip's settings uv gets, since uv reads none of them; and the switches that keep npm from
running anything. Names no index. Does not decide what is fetched.
"""

import configparser
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from uv import find_uv_bin

from sandboxes.runtime.host_commands import Finished, run_command

# Settings for the operator's own environments: where to install, which Python, what to build from source.
_NOT_HANDED_ON = (
    *("VIRTUAL_ENV", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_BREAK_SYSTEM_PACKAGES"),
    *("UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT"),
)
_UV_INDEXES = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_FIND_LINKS"}
_PIP_SECTIONS = ("global", "install")


async def run_uv(
    args: Sequence[str], *, timeout: float, cwd: Path, stdin: bytes, environ: Mapping[str, str] | None = None
) -> Finished:
    """Run uv in the environments of `uv_environments`, until one of them serves; how the last one ended.

    Raises:
        SandboxError: uv took too long.
    """
    done = Finished("", "", 2)
    for env in uv_environments(os.environ if environ is None else environ):
        done = await run_command([find_uv_bin(), *args], timeout=timeout, cwd=cwd, env=env, stdin=stdin)
        if done.code == 0:
            break
    return done


def uv_environments(environ: Mapping[str, str]) -> list[dict[str, str]]:
    """`environ` with pip's index, certificate and proxy settings in uv's words, unless uv has its own.

    Where pip is told of further indexes or folders, a second environment has them too. They serve only what
    the main index lacks: uv takes a version from one index alone, so a further one that holds it for one
    platform only would put hashes into the lock that no other machine can use.
    """
    env = {name: value for name, value in environ.items() if name not in _NOT_HANDED_ON}
    pip = pip_settings(environ)
    _fill(
        env,
        {
            "SSL_CERT_FILE": pip.get("cert", ""),
            "SSL_CLIENT_CERT": pip.get("client-cert", ""),
            "HTTPS_PROXY": pip.get("proxy", ""),
            "HTTP_PROXY": pip.get("proxy", ""),
            "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        },
    )
    if _UV_INDEXES & set(env):
        return [env]
    no_index = pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}
    _fill(env, {"UV_DEFAULT_INDEX": pip.get("index-url", ""), "UV_NO_INDEX": "1" if no_index else ""})
    further = {
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),  # uv separates these by commas.
    }
    if not any(further.values()):
        return [env]
    # Among several indexes pip takes the best version, and so must uv, or what works for pip would fail here.
    wider = {"UV_INDEX_STRATEGY": "unsafe-best-match", **env}
    _fill(wider, further)
    return [env, wider]


def _fill(env: dict[str, str], wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if value and name not in env and name.lower() not in env:
            env[name] = value


def pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip would use for `pip install`: global, user, environment's files, then `PIP_…` variables."""
    found: dict[str, str] = {}
    for file in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # pip itself reports a broken file; uv goes on without it.
        for section in _PIP_SECTIONS:
            if parser.has_section(section):
                found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found


def _pip_files(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [Path(folder) / "pip" / "pip.conf" for folder in reversed(shared) if folder]
    files.append(Path("/etc/pip.conf"))
    files.append(home / ".pip" / "pip.conf")
    files.append(Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf")
    files.append(Path(sys.prefix) / "pip.conf")
    if named:
        files.append(Path(named))
    return files


NPM_SWITCHES = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--no-bin-links",
    "--omit=dev",
    "--omit-lockfile-registry-resolved",
    # npm prepares a dependency from git by running its scripts and reading its .npmrc, scripts off or not.
    # Without a git it can fetch none.
    "--git=/nonexistent/no-git-dependencies",
    "--loglevel=error",
    "--logs-max=0",
)


def npm_platform_switches(machine: str, libc: str) -> tuple[str, ...]:
    """For the sandbox's platform, never the host's. Machine names are npm's (Node's `process.arch`)."""
    cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, machine)
    return ("--os=linux", f"--cpu={cpu}", f"--libc={'glibc' if libc == 'gnu' else 'musl'}")
