"""Clients that people use: the SDK's in each era, and a terminal inspector from npm."""

import json
import os
import shutil
import subprocess
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from tests.host.projects import GATEHOST, Project

INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", append={"effect": "write", "approve": "always"})
    return project


def arguments(project: Project) -> list[str]:
    return ["serve", "--stdio", "--approvals", "deny", "--servers", str(project.servers)]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_sdks_client_is_served(kit: Project, mode: Any) -> None:
    server = StdioServerParameters(command=GATEHOST, args=arguments(kit), env={"GATEHOST_HOME": str(kit.home)})
    with anyio.fail_after(30):
        async with Client(server, mode=mode) as client:
            assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
            assert [tool.name for tool in (await client.list_tools()).tools] == ["kit__echo", "kit__append"]
            done = await client.call_tool("kit__echo", {"text": "hi"})
            assert not done.is_error
            refused = await client.call_tool("kit__append", {"path": "/x", "line": "a"})
            assert refused.is_error
    (run,) = kit.call("runs", "list", "--json").report
    assert (run["agent"], run["status"]) == ("mcp", "completed")


@pytest.mark.registry
def test_a_terminal_inspector_drives_it(kit: Project) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not installed")

    def inspect(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [npx, "-y", "-p", "node@22", "-p", INSPECTOR, "mcp-inspector", "--cli", "--format", "json", "-q"]
        environ = {**os.environ, "GATEHOST_HOME": str(kit.home), "npm_config_loglevel": "error"}
        served = [*options, "-e", f"GATEHOST_HOME={kit.home}", "--", GATEHOST, *arguments(kit)]
        return subprocess.run(
            [*command, "--protocol-era", "auto", *served],
            env=environ,
            cwd=kit.work,
            capture_output=True,
            text=True,
            timeout=300,
        )

    listed = inspect("--method", "tools/list")
    assert listed.returncode == 0, listed.stderr
    assert [tool["name"] for tool in json.loads(listed.stdout)["result"]["tools"]] == ["kit__echo", "kit__append"]
    call = ("--method", "tools/call", "--tool-name")
    done = inspect(*call, "kit__echo", "--tool-arg", "text=hi")
    assert done.returncode == 0, done.stderr
    assert '"hi"' in done.stdout
    for refused in (
        inspect(*call, "kit__append", "--tool-args-json", json.dumps({"path": "/x", "line": "a"})),
        inspect(*call, "kit__nothing"),
    ):
        assert refused.returncode == 5, refused.stderr
