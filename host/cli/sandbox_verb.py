"""`gatehost sandbox build | check | probe | prune`: make walls possible, say whether they are, attack them, clear up.

Decides: the options and what is shown. Does not decide how anything is built, tried or removed (`sandboxes`).
"""

import argparse
from functools import partial
from typing import cast

import anyio
import anyio.to_thread

from context.errors import GatehostError
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from host.cli.common import add_file_options
from host.cli.sandbox_probe import add_probe, run_probe
from host.cli.sandbox_servers import Declared, find_declared, server_rows, show_servers
from host.cli.screen import progress, say, say_json
from host.home import find_home
from sandboxes.interface import SandboxHome


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="build|check|probe|prune")
    build = verbs.add_parser("build", help="build the runtime image; quick when it stands", allow_abbrev=False)
    build.add_argument(
        "--install",
        action="store_true",
        help="as root on Debian or Ubuntu: install what is missing with apt-get and start the engine, saying so",
    )
    build.add_argument("--base", metavar="IMAGE", help="build on this image (Debian or Ubuntu, with apt-get)")
    check = verbs.add_parser(
        "check", help="which sandboxes can be used here, and why others cannot", allow_abbrev=False
    )
    add_probe(verbs)
    prune = verbs.add_parser(
        "prune",
        help="remove what dead processes left behind; with --servers, of the servers in that file only",
        allow_abbrev=False,
    )
    prune.add_argument(
        "--engine",
        action="store_true",
        help="also stop the engine, if it is one that `build --install` started by hand",
    )
    for verb in (build, check, prune):
        verb.add_argument("--json", action="store_true", help="one JSON object on stdout")
        add_file_options(verb)


def run(args: argparse.Namespace) -> int:
    home = find_home().prepare().sandbox_home()
    declared = find_declared(args)
    if args.what == "build":
        return anyio.run(partial(_build, home, declared, base=args.base, install=args.install, as_json=args.json))
    if args.what == "check":
        return anyio.run(partial(_check, home, declared, as_json=args.json))
    if args.what == "probe":
        return run_probe(home, declared, args)
    return anyio.run(partial(_prune, home, declared, engine=args.engine, as_json=args.json))


async def _build(home: SandboxHome, declared: Declared, *, base: str | None, install: bool, as_json: bool) -> int:
    from sandboxes.runtime.image import build

    built = await build(home, base=base, install=install, say=progress)
    # Whoever names a file builds for its servers, and is told of those that this build does not serve.
    state = await _state(home, declared) if declared.named else None
    if as_json:
        say_json(
            {
                "kind": built.kind,
                "image": built.image.as_json() if built.image else None,
                "fresh": built.fresh,
                "started_engine": built.started_engine,
                **({"servers": state["servers"]} if state is not None else {}),
            }
        )
    elif built.image is not None:
        say(f"sandboxes run in {built.image.image} ({built.image.origin}, Python {built.image.python})")
    else:
        say("sandboxes run under bubblewrap on this machine's own files")
    if state is None:
        return 0
    if not as_json:
        show_servers(declared, _rows(state, "servers"))
    return 0 if _all_usable(state) else 7


async def _check(home: SandboxHome, declared: Declared, *, as_json: bool) -> int:
    state = await _state(home, declared)
    if as_json:
        say_json(state)
    else:
        _show(state)
        show_servers(declared, _rows(state, "servers"))
    return 0 if state["default"] and (_all_usable(state) or not declared.named) else 7


def _rows(state: JsonObject, key: str) -> list[JsonObject]:
    return cast("list[JsonObject]", state[key])


def _all_usable(state: JsonObject) -> bool:
    return all(row["usable"] for row in _rows(state, "servers"))


async def _state(home: SandboxHome, declared: Declared) -> JsonObject:
    from sandboxes.lifecycle.holds import look_around
    from sandboxes.lifecycle.slots import standing
    from sandboxes.registry import kinds
    from sandboxes.runtime.engine import look
    from sandboxes.runtime.host_facts import user_namespaces_fault
    from sandboxes.runtime.image import default_sandbox, image_fault, recorded_image
    from sandboxes.runtime.node import NODE_VERSION, node_folder

    engine = await look(home)
    image = recorded_image(home)
    missing_image = await image_fault(home)
    rows: list[JsonValue] = []
    for name, kind in sorted(kinds().items()):
        fault = await anyio.to_thread.run_sync(kind.unavailable)
        if fault is None and name == "docker":
            fault = missing_image
        rows.append({"name": name, "confines": kind.confines, "usable": fault is None, "why_not": fault})
    try:
        default, next_step = await default_sandbox(home), None
    except GatehostError as error:
        default, next_step = None, error.next_step
    namespaces = user_namespaces_fault()
    usable = {str(entry["name"]) for entry in rows if isinstance(entry, dict) and entry["usable"]}
    around = await look_around(engine=engine.answers, bubblewrap="bubblewrap" in usable)
    holds = {(holding.sandbox, holding.runtime): holding.enforced for holding in around.holdings}
    servers = await server_rows(home, declared, runtimes=engine.runtimes, holds=holds)
    return {
        "default": default,
        "next_step": next_step,
        "kinds": rows,
        "cgroups": around.cgroups,
        "engine_users": around.users if engine.answers else None,
        "holds": [holding.as_json() for holding in around.holdings],
        "engine": engine.as_json(),
        "image": image.as_json() if image else None,
        "image_fault": missing_image,
        "user_namespaces": {"usable": namespaces is None, "why_not": namespaces},
        "node": NODE_VERSION if node_folder(home) else None,
        "standing": await anyio.to_thread.run_sync(standing, home),
        "most": declared.slots.home,
        "servers": [*servers],
        "servers_fault": declared.fault or None,
    }


def _show(state: JsonObject) -> None:
    engine, image, rows = state["engine"], state["image"], state["kinds"]
    assert isinstance(engine, dict) and isinstance(rows, list)
    if engine["answers"]:
        runtimes = ", ".join(str(name) for name in engine["runtimes"]) if isinstance(engine["runtimes"], list) else ""
        ours = ", started here by hand" if engine["started_by_us"] else ""
        users = state["engine_users"]
        whose = "" if users == "this machine's" else f", {users} users"
        version = f"{engine['version']}, cgroups v{engine['cgroups']}{whose}"
        say(f"engine      {version}, runtimes {escape_line(runtimes)}{ours}")
    else:
        say(f"engine      none: {engine['detail']}")
    if isinstance(image, dict) and state["image_fault"] is None:
        say(f"image       {image['image']}")
        say(f"            Python {image['python']}, {image['platform']}, from {escape_line(str(image['origin']))}")
    else:
        say(f"image       none: {state['image_fault']}")
    namespaces = state["user_namespaces"]
    assert isinstance(namespaces, dict)
    say(f"namespaces  {namespaces['why_not'] or 'this user may make user namespaces'}")
    say(f"cgroups     {'none hold limits here' if state['cgroups'] == 'none' else 'version ' + str(state['cgroups'])}")
    for row in rows:
        assert isinstance(row, dict)
        loud = "" if row["confines"] else "  (no walls at all; only where a server's entry asks for it)"
        say(f"{row['name']!s:<11} {'usable' if row['usable'] else row['why_not']}{loud}")
    _show_holdings(state)
    say(f"standing    {state['standing']} sandboxes of this state folder, of {state['most']} at the most")
    say(f"default     {state['default'] or 'none'}")
    if state["next_step"]:
        say(f"next step   {state['next_step']}")


def _show_holdings(state: JsonObject) -> None:
    holdings = state["holds"]
    assert isinstance(holdings, list)
    for holding in holdings:
        assert isinstance(holding, dict)
        enforced, lacking = holding["enforced"], holding["lacking"]
        assert isinstance(enforced, list) and isinstance(lacking, list)
        runtime = f", {holding['runtime']}" if holding["runtime"] else ""
        say(f"enforced    {holding['sandbox']}{runtime}: {', '.join(str(limit) for limit in enforced)}")
        for lack in lacking:
            say(f"  not       {lack}")


async def _prune(home: SandboxHome, declared: Declared, *, engine: bool, as_json: bool) -> int:
    from sandboxes.packages import remove_staging
    from sandboxes.registry import kinds
    from sandboxes.runtime.engine import stop_started_engine

    removed: list[JsonValue] = []
    skipped: list[JsonValue] = []
    for name, kind in sorted(kinds().items()):
        fault = await anyio.to_thread.run_sync(kind.unavailable)
        if fault is not None:
            skipped.append({"kind": name, "why": fault})
            continue
        removed.extend({"kind": name, "name": gone} for gone in await kind.make(home).reap(declared.only))
    if declared.only is None:  # A half unpacked package is nobody's yet.
        left = await anyio.to_thread.run_sync(remove_staging, home)
        removed.extend({"kind": "package", "name": gone} for gone in left)
    stopped = await stop_started_engine(home, say=progress) if engine else False
    if as_json:
        say_json({"removed": removed, "skipped": skipped, "stopped_engine": stopped})
        return 0
    for row in removed:
        assert isinstance(row, dict)
        say(f"removed {row['kind']} {escape_line(str(row['name']), 200)}")
    if not removed:
        say("nothing was left behind" if declared.only is None else "nothing was left behind of these servers")
    if engine and not stopped:
        say("no engine runs that was started here by hand")
    return 0
