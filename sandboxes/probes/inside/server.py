"""The probes as an MCP server on stdio: one tool, `attempt`, that carries out one attempt by name.

Decides: which function stands behind which name, and the little of MCP that a client needs. Does not decide what an
outcome means for the table (`rows`, outside). One request at a time, no thread: processes are what is measured.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from sandboxes.probes.inside import exhaustion, files, kernel, network
from sandboxes.probes.inside.trials import NotApplicable, Setup, Trials, name_of

_VERSION = "2025-11-25"
_TOOL: dict[str, Any] = {
    "name": "attempt",
    "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}
ATTEMPTS: dict[str, Callable[[Setup, Trials], None]] = {
    "root": files.root,
    "elsewhere": files.elsewhere,
    "execution": files.execution,
    "public": network.public,
    "metadata": network.metadata,
    "gateway": network.gateway,
    "names": network.names,
    "host_name": network.host_name,
    "engine_socket": network.engine_socket,
    "raw": network.raw,
    "identity": kernel.identity,
    "mounts": kernel.mounts,
    "namespaces": kernel.namespaces,
    "tracing": kernel.tracing,
    "programs": kernel.programs,
    "faults_and_keys": kernel.faults_and_keys,
    "io_uring": kernel.io_uring,
    "kernel_code": kernel.kernel_code,
    "settings": kernel.settings,
    "memory_files": kernel.memory_files,
    "secret": kernel.secret,
    "control_groups": kernel.control_groups,
    "devices": files.devices,
    "processes": exhaustion.processes,
    "memory": exhaustion.memory,
    "powers": kernel.powers,
    "set_id": files.set_id,
    "scratch_full": files.scratch_full,
    "big_file": files.big_file,
    "logs": files.logs,
    "many_files": files.many_files,
}


def main(setup_text: str) -> None:
    given: dict[str, Any] = json.loads(setup_text)
    setup = Setup(**given)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "id" in request:
            answer = {"jsonrpc": "2.0", "id": request["id"], **_answer(setup, request)}
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()


def attempt(setup: Setup, name: str) -> dict[str, str]:
    """Carry out one attempt: its outcome and what was seen. An attempt that breaks tells nothing: allowed."""
    trials = Trials()
    try:
        ATTEMPTS[name](setup, trials)
    except NotApplicable as reason:
        trials.note("not_applicable", str(reason), name)
    except OSError as error:
        trials.note("allowed", f"the attempt broke: {name_of(error)}", name)
    return trials.result()


def _answer(setup: Setup, request: dict[str, Any]) -> dict[str, Any]:
    method: str = request.get("method", "")
    params: dict[str, Any] = request.get("params") or {}
    if method == "initialize":
        info = {"name": "gatehost-probes", "version": "1"}
        return {"result": {"protocolVersion": _VERSION, "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "tools/list":
        return {"result": {"tools": [_TOOL]}}
    if method == "tools/call" and params.get("arguments", {}).get("name") in ATTEMPTS:
        found = attempt(setup, params["arguments"]["name"])
        return {"result": {"content": [{"type": "text", "text": json.dumps(found)}]}}
    return {"error": {"code": -32601, "message": "no such method"}}
