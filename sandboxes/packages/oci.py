"""Packages that are container images, named by digest.

Decides: that the image in the engine is the locked one. Does not decide its walls: it runs behind the same
ones as the runtime image. Only the `docker` kind can run images.
"""

from collections.abc import Sequence
from typing import Any, cast

import anyio.to_thread

from context.errors import ConfigError, SandboxError
from context.visible_text import escape_line
from sandboxes.interface import Program, SandboxHome
from sandboxes.packages.locked import Locked
from sandboxes.packages.source import Source
from sandboxes.runtime.engine import connect
from sandboxes.runtime.facts import RuntimeFacts

_PULL_SECONDS = 600


async def resolve(source: Source, *, home: SandboxHome, runtime: RuntimeFacts) -> Locked:
    """The digest is the lock; the image is pulled where the engine does not have it.

    Raises:
        ConfigError: the registry has no such image.
        SandboxError: no engine answers, or the pull failed.
    """
    del home, runtime
    await anyio.to_thread.run_sync(_image, source.name, source.version, abandon_on_cancel=True)
    return Locked(kind="oci", name=source.name, version=source.version)


async def unpack(
    locked: Locked,
    *,
    home: SandboxHome,
    runtime: RuntimeFacts,
    entry: str | None = None,
    args: Sequence[str] = (),
) -> Program:
    """How the image starts: its entry point, then `args`, or its own command where there are none.

    Raises:
        ConfigError: it starts nothing, or `entry` was given.
        SandboxError: as `resolve`.
    """
    del home, runtime
    where = f"oci:{locked.name}@{locked.version}"
    if entry is not None:
        raise ConfigError("an image has no entry points to choose from", where=where, next_step="Remove `entry`")
    attrs = await anyio.to_thread.run_sync(_image, locked.name, locked.version, abandon_on_cancel=True)
    config = cast("dict[str, Any]", attrs.get("Config") or {})
    argv = (*_words(config.get("Entrypoint")), *(args or _words(config.get("Cmd"))))
    if not argv:
        raise ConfigError("the image starts nothing by itself", where=where, next_step="Give its program as `args`")
    return Program(
        argv=argv,
        image=str(attrs["Id"]),
        digests={"lock": locked.digest, locked.name: locked.version, "image": str(attrs["Id"])},
    )


def _image(name: str, version: str) -> dict[str, Any]:
    """What the engine says of the image, after pulling it by digest where it is absent."""
    from docker.errors import DockerException, ImageNotFound, NotFound

    client = connect(timeout=_PULL_SECONDS)
    try:
        # A digest also names an image that was built or imported here and never had a registry.
        for reference in (f"{name}@{version}", version):
            try:
                return cast("dict[str, Any]", client.api.inspect_image(reference))
            except ImageNotFound:
                continue
        client.api.pull(f"{name}@{version}")
        return cast("dict[str, Any]", client.api.inspect_image(f"{name}@{version}"))
    except NotFound as error:
        raise ConfigError(
            f"there is no image {name}@{version}", next_step="Check its name and digest, and `docker login`"
        ) from error
    except DockerException as error:
        raise SandboxError(
            f"{name}@{version} could not be pulled: {escape_line(str(error), 300)}",
            next_step="Check the network and the image registry, or load it with `docker load`",
        ) from error
    finally:
        client.close()


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in cast("list[object]", value)) if isinstance(value, list) else ()
