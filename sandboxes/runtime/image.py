"""The runtime image: Python, Node and git behind the walls, and nothing that a server could use to climb.

Decides: what is in it, how it is built (on a public base image where one can be pulled, else from this
machine's distribution packages), and that its digest and its Python are on record. Does not decide the walls.

Bubblewrap shows its servers the host's own `/usr` instead; for it only Node is fetched.
"""

import io
import json
import os
import secrets
import shlex
import shutil
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread

from context.errors import SandboxError
from context.json_values import JsonObject, digest
from context.visible_text import escape_line
from sandboxes.interface import SandboxHome
from sandboxes.runtime.apt import can_install, install_packages, sources_list, transport_options
from sandboxes.runtime.engine import Confining, Say, bubblewrap_fault, connect, ensure, look, one_set_up
from sandboxes.runtime.facts import QUESTION, RuntimeFacts, read_answer
from sandboxes.runtime.host_commands import check_command, last_words
from sandboxes.runtime.host_facts import HOST_PYTHON, distribution, host_facts, is_root
from sandboxes.runtime.node import NODE_INSIDE, NODE_REQUIREMENT, NODE_VERSION, provide_node

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "gatehost.recipe"
DEFAULT_BASE = "debian:bookworm-slim"

_REPOSITORY = "gatehost-runtime"
_PACKAGES = ("python3", "git", "ca-certificates", "libstdc++6")  # The last one for Node.
_PATH = f"{NODE_INSIDE}/bin:/usr/local/bin:/usr/bin:/bin"
_ENV = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/tmp"}
_PULL_SECONDS = 30.0
_BUILD_SECONDS = 1200.0
_REBUILD = "Run `gatehost sandbox build`"
# A server can gain nothing from set-id programs once no-new-privileges stands; without them it need not stand.
_DOCKERFILE = f"""FROM {{base}}
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {" ".join(_PACKAGES)} \\
 && rm -rf /var/lib/apt/lists/* \\
 && find / -xdev -type f -perm /6000 -exec chmod a-s {{{{}}}} +
COPY node {NODE_INSIDE}
"""
# The last two lines remove what mmdebstrap copies from this machine: its mirror, proxy, name and resolver.
_HOOKS = (
    'find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +',
    f'mv "$1/opt/node-{NODE_VERSION}" "$1{NODE_INSIDE}"',
    'rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*',
    'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname',
)
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")


@dataclass(frozen=True, slots=True)
class RuntimeImage:
    """The built image as recorded in `<home>/runtime/image.json`.

    Attributes:
        image: Its id, `sha256:…`.
        recipe: Digest of what it was built from; a newer Gatehost has another one.
        base: What the operator asked to build on, or None for our own choice.
        origin: What it was really built on, for people.
    """

    image: str
    recipe: str
    base: str | None
    origin: str
    python: str
    platform: str

    def as_json(self) -> JsonObject:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Built:
    """What `build` came to.

    Attributes:
        image: None where bubblewrap serves.
        started_engine: An engine's daemon was started by hand on the way.
        fresh: Something was built now; False when all stood already.
    """

    kind: Confining
    image: RuntimeImage | None = None
    started_engine: bool = False
    fresh: bool = False


def recorded_image(home: SandboxHome) -> RuntimeImage | None:
    """The image on record, or None. Does not ask the engine."""
    try:
        value = json.loads(_record(home).read_text(encoding="utf-8"))
        return RuntimeImage(**cast("dict[str, Any]", value))
    except (OSError, ValueError, TypeError):
        return None


def runtime_image(home: SandboxHome) -> str:
    """The id of the image that servers run in.

    Raises:
        SandboxError: none was built.
    """
    image = recorded_image(home)
    if image is None:
        raise SandboxError("no runtime image was built", where=str(_record(home)), next_step=_REBUILD)
    return image.image


async def image_fault(home: SandboxHome) -> str | None:
    """Why the recorded image cannot be used in the engine that answers, or None. Never raises."""
    image = recorded_image(home)
    if image is None:
        return f"no runtime image was built. {_REBUILD}"
    try:
        present = await anyio.to_thread.run_sync(_present, image.image, abandon_on_cancel=True)
    except SandboxError as error:
        return error.sentence()
    return None if present else f"the engine does not have the recorded image {image.image[:19]}. {_REBUILD}"


async def facts(home: SandboxHome, kind: str) -> RuntimeFacts:
    """Which Python and platform a package meets in sandboxes of this kind.

    Args:
        kind: A sandbox kind's name; `docker` runs the image, all others the host's files.

    Raises:
        SandboxError: no image was built, or the host has no Python of its distribution.
    """
    if kind != "docker":
        return await host_facts()
    runtime_image(home)
    image = recorded_image(home)
    assert image is not None
    return RuntimeFacts(image.python, image.platform)


async def default_sandbox(home: SandboxHome) -> Confining:
    """The kind to use where nothing else is asked for: `docker` when it is ready, else `bubblewrap`.

    Raises:
        SandboxError: neither is ready; says why and the next step.
    """
    image = await image_fault(home)
    if image is None:
        return "docker"
    fault = await bubblewrap_fault()
    if fault is None:
        return "bubblewrap"
    state = await look(home)
    raise SandboxError(
        f"no sandbox is ready: {image if state.answers else state.detail}; {fault}",
        next_step="Run `gatehost sandbox build`",
    )


async def build(home: SandboxHome, *, base: str | None = None, install: bool = False, say: Say) -> Built:
    """Make this machine ready to run servers; quick when it is.

    Args:
        base: Image to build on; None for the recorded one, or our own choice.
        install: Distribution packages may be installed and an engine started; each is said.

    Raises:
        SandboxError: it cannot be had; says the next step.
    """
    ensured = await ensure(home, install=install, say=say)
    async with one_set_up(home):
        node = await provide_node(home)
        if ensured.kind == "bubblewrap":
            await host_facts()
            return Built("bubblewrap")
        before = recorded_image(home)
        base = base or (before.base if before else None)
        recipe = _recipe(base)
        found = await anyio.to_thread.run_sync(_with_recipe, recipe, before)
        fresh = found is None
        origin = before.origin if before and found == before.image else "an image that was here"
        if found is None:
            found, origin = await _build(recipe, base, node, home=home, install=install, say=say)
        if before is not None and before.image == found:
            return Built("docker", before, ensured.started)
        runtime = await anyio.to_thread.run_sync(_ask, found, fresh)
        image = RuntimeImage(found, recipe, base, origin, runtime.python, runtime.platform)
        await anyio.to_thread.run_sync(_keep_record, home, image)
        say(f"runtime image {found[:19]}: Python {image.python}, {image.platform}, from {origin}")
        return Built("docker", image, ensured.started, fresh)


def _recipe(base: str | None) -> str:
    return digest(
        {
            "dockerfile": _DOCKERFILE,
            "base": base or DEFAULT_BASE,
            "hooks": list(_HOOKS),
            "excluded": list(_EXCLUDED),
            "packages": list(_PACKAGES),
            "node": NODE_REQUIREMENT,
            "env": dict(_ENV),
        }
    )


async def _build(
    recipe: str, base: str | None, node: Path, *, home: SandboxHome, install: bool, say: Say
) -> tuple[str, str]:
    """Build the image one way or the other; its id, and what it stands on."""
    wanted = base or DEFAULT_BASE
    say(f"building the runtime image on {wanted}")
    try:
        origin = await anyio.to_thread.run_sync(_pull, wanted, abandon_on_cancel=True)
        built = await anyio.to_thread.run_sync(_build_on, wanted, recipe, node, abandon_on_cancel=True)
        return built, origin
    except SandboxError as error:
        if base is not None:
            raise
        say(f"{error.what}; building from the packages of this machine's distribution instead")
    return await _build_from_packages(recipe, node, home=home, install=install, say=say)


async def _build_from_packages(
    recipe: str, node: Path, *, home: SandboxHome, install: bool, say: Say
) -> tuple[str, str]:
    release = distribution()
    if not release.has_apt:
        raise SandboxError(
            "no base image can be pulled, and this is neither Debian nor Ubuntu",
            next_step="Give an image that the engine has: `gatehost sandbox build --base IMAGE`",
        )
    if shutil.which("mmdebstrap") is None:
        if not (install and can_install()):
            raise SandboxError(
                "no base image can be pulled, and mmdebstrap is not installed",
                next_step="As root: apt-get install mmdebstrap, or `gatehost sandbox build --base IMAGE`",
            )
        await install_packages(["mmdebstrap", *([] if is_root() else ["uidmap"])], say=say)
    folder = home.folder / "runtime" / f".build-{secrets.token_hex(4)}"
    try:
        await anyio.to_thread.run_sync(lambda: folder.mkdir(parents=True))
        sources = folder / "sources.list"
        sources.write_text(await sources_list(release), encoding="utf-8")
        say(f"collecting {release.name} {release.codename} packages with mmdebstrap: {', '.join(_PACKAGES)}")
        hooks = [f"copy-in {shlex.quote(str(node))} /opt", *_HOOKS]
        await check_command(
            [
                *("mmdebstrap", "--quiet", "--variant=essential", "--format=tar", f"--include={','.join(_PACKAGES)}"),
                *(f"--aptopt={line}" for line in await transport_options()),
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
                *(f"--customize-hook={hook}" for hook in hooks),
                *(release.codename, str(folder / "root.tar"), str(sources)),
            ],
            timeout=_BUILD_SECONDS,
            doing="collect the packages",
            next_step="Check that `apt-get update` works here, then run `gatehost sandbox build` again",
            cwd=folder,
        )
        built = await anyio.to_thread.run_sync(_import, folder / "root.tar", recipe, abandon_on_cancel=True)
        return built, f"{release.name} {release.codename} packages"
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _with_client(work: "Callable[[DockerClient], str | None]", *, doing: str, timeout: float) -> str | None:
    """`work` with a client that is closed after it, its faults told as ours."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    client = connect(timeout=timeout)
    try:
        return work(client)
    except (DockerException, RequestException, OSError) as error:
        text = str(getattr(error, "explanation", None) or error)
        raise SandboxError(f"the engine could not {doing}: {escape_line(text, 300)}", next_step=_REBUILD) from error
    finally:
        client.close()


def _present(image: str) -> bool:
    from docker.errors import ImageNotFound

    def work(client: "DockerClient") -> str | None:
        try:
            return str(cast("dict[str, Any]", client.api.inspect_image(image))["Id"])
        except ImageNotFound:
            return None

    return _with_client(work, doing="show an image", timeout=20.0) is not None


def _with_recipe(recipe: str, before: RuntimeImage | None) -> str | None:
    """An image of this recipe that the engine has: the recorded one, or one that another state folder built."""
    if before is not None and before.recipe == recipe and _present(before.image):
        return before.image

    def work(client: "DockerClient") -> str | None:
        found = cast("list[dict[str, Any]]", client.api.images(filters={"label": f"{LABEL}={recipe}"}))
        return str(found[0]["Id"]) if found else None

    return _with_client(work, doing="list its images", timeout=20.0)


def _pull(base: str) -> str:
    """See to it that the engine has `base`; how it is called, with its digest."""
    from docker.errors import ImageNotFound

    def work(client: "DockerClient") -> str | None:
        try:
            attrs = cast("dict[str, Any]", client.api.inspect_image(base))
        except ImageNotFound:
            name, tag = _name_and_tag(base)
            for line in cast("Any", client.api.pull(name, tag=tag, stream=True, decode=True)):
                if "error" in line:
                    raise SandboxError(f"{base} could not be pulled: {escape_line(str(line['error']), 200)}") from None
            attrs = cast("dict[str, Any]", client.api.inspect_image(base))
        digests = cast("list[str]", attrs.get("RepoDigests") or [])
        return f"{base} ({(digests[0].rpartition('@')[2] if digests else str(attrs['Id']))[:19]})"

    return str(_with_client(work, doing=f"pull {base}", timeout=_PULL_SECONDS))


def _name_and_tag(base: str) -> tuple[str, str | None]:
    if "@" in base:
        return base, None
    name, colon, tag = base.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (base, "latest")


def _build_on(base: str, recipe: str, node: Path) -> str:
    context = node.parent / f".context-{secrets.token_hex(4)}.tar"
    proxies = {
        name: value
        for name, value in os.environ.items()
        if name.lower() in {"http_proxy", "https_proxy", "no_proxy"} and value
    }
    tag = _tag(recipe)

    def work(client: "DockerClient") -> str | None:
        with context.open("rb") as file:
            said = client.api.build(
                fileobj=file,
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                buildargs=proxies,  # Predefined ones: the engine keeps them out of the image's history.
                labels={LABEL: recipe},
                network_mode="host",
            )
            for line in cast("Any", said):
                if "error" in line:
                    raise SandboxError(
                        f"the image could not be built on {base}: {escape_line(str(line['error']), 300)}"
                    )
        return str(cast("dict[str, Any]", client.api.inspect_image(tag))["Id"])

    try:
        with tarfile.open(context, "w") as tar:
            text = _DOCKERFILE.format(base=base) + "".join(f"ENV {name}={value}\n" for name, value in _ENV.items())
            data = f"{text}CMD []\nENTRYPOINT []\nWORKDIR /\n".encode()
            member = tarfile.TarInfo("Dockerfile")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            tar.add(node, arcname="node", filter=_as_root)
        return str(_with_client(work, doing=f"build on {base}", timeout=_BUILD_SECONDS))
    finally:
        context.unlink(missing_ok=True)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _import(tar: Path, recipe: str) -> str:
    changes = [*(f"ENV {name}={value}" for name, value in _ENV.items()), f"LABEL {LABEL}={recipe}", "WORKDIR /"]
    tag = _tag(recipe)

    def work(client: "DockerClient") -> str | None:
        name, _, version = tag.partition(":")
        client.api.import_image(src=str(tar), repository=name, tag=version, changes=changes)
        return str(cast("dict[str, Any]", client.api.inspect_image(tag))["Id"])

    return str(_with_client(work, doing="import the image", timeout=_BUILD_SECONDS))


def _tag(recipe: str) -> str:
    return f"{_REPOSITORY}:{recipe.removeprefix('sha256:')[:12]}"


def _ask(image: str, fresh: bool) -> RuntimeFacts:
    """Run the image once, behind full walls: Node and git must be there, and Python says what it is.

    An image that was just built and fails this is removed, or the next build would take it for a good one.
    """
    from docker.errors import ContainerError

    script = f'{NODE_INSIDE}/bin/node --version >&2 && git --version >&2 && exec {HOST_PYTHON} -I -S -c "$1"'
    walls: Mapping[str, Any] = {
        "network_disabled": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "user": "65534:65534",
        "mem_limit": "512m",
        "pids_limit": 64,
    }

    def work(client: "DockerClient") -> str | None:
        command = ["/bin/sh", "-c", script, "sh", QUESTION]
        try:
            said = cast("bytes", client.containers.run(image, command, remove=True, stderr=False, **walls))
        except ContainerError as error:
            if fresh:
                client.api.remove_image(image, force=True)
            raise SandboxError(f"the runtime image does not work{last_words(error.stderr or b'')}") from error
        return said.decode("utf-8", errors="replace")

    said = str(_with_client(work, doing="run the new image", timeout=60.0))
    return read_answer(said, where=f"image {image[:19]}")


def _record(home: SandboxHome) -> Path:
    return home.folder / "runtime" / "image.json"


def _keep_record(home: SandboxHome, image: RuntimeImage) -> None:
    record = _record(home)
    record.parent.mkdir(parents=True, exist_ok=True)
    staging = record.with_suffix(f".{secrets.token_hex(4)}")
    try:
        staging.write_text(json.dumps(image.as_json(), indent=2) + "\n", encoding="utf-8")
        staging.replace(record)
    finally:
        with suppress(OSError):
            staging.unlink(missing_ok=True)
