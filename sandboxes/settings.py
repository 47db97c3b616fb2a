"""What the operator declares about where a server runs: the wall keys of `[servers.NAME]`.

Decides: the keys, their types, units and defaults. Does not decide which files exist or what a
sandbox makes of them.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from context.quantities import RateText, Size, Span


class Settings(BaseModel):
    """Base of every settings class: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MountSettings(Settings):
    """A folder or file of the host, seen inside the sandbox. `host` is relative to the servers file."""

    host: str
    at: str
    mode: Literal["ro", "rw"] = "ro"


class Limits(Settings):
    """Bounds on one server. Sizes in bytes, times in seconds, after parsing.

    Attributes:
        rate: Calls of all its tools per span of time, `60/m`.
        concurrency: Calls of all its tools at one time.
    """

    memory: Size = 512 * 1024**2
    cpus: float = Field(default=1.0, gt=0)
    pids: int = Field(default=128, gt=0)
    disk: Size = 1024**3
    call_timeout: Span = 60.0
    start_timeout: Span = 30.0
    result_bytes: Size = 1024**2
    # How often it is called binds us, not the server: left out of dumps, and so of the digest that is accepted.
    rate: RateText | None = Field(default=None, exclude=True)
    concurrency: int | None = Field(default=None, ge=1, exclude=True)


class WallSettings(Settings):
    """Where a server comes from and what stands around it.

    Exactly one of `package` and `command` is set.

    Attributes:
        package: `pypi:NAME==VERSION`, `npm:NAME==VERSION` or `oci:IMAGE@sha256:…`.
        command: Program and arguments, in the runtime image; its files must be mounted.
        entry: The package's entry point, when it has several.
        runtime: OCI runtime by name, for `docker`.
        env: Plain values, never secrets.
        secrets: Name → where the secret is: `env:NAME` or `file:PATH`. Never the secret itself.
        stateless: The server keeps nothing of one run that another could meet, so a long-lived host may let
            its runs share one.
        pool: How many a long-lived host keeps started ahead (how many share the runs, when stateless).
        idle: Seconds without a run after which none of them is kept.
    """

    package: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] = ()
    entry: str | None = None
    sandbox: str = "docker"
    runtime: str = "runc"
    mounts: tuple[MountSettings, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = Field(default_factory=dict[str, str])
    limits: Limits = Limits()
    # When a server runs binds us, not the server: left out of dumps, and so of the digest that is accepted.
    stateless: bool = Field(default=False, exclude=True)
    pool: int = Field(default=0, ge=0, le=32, exclude=True)
    idle: Span = Field(default=600.0, exclude=True)
