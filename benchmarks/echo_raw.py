"""The cheapest echo server there is: standard library only, one protocol era, no schema of its results.

With `--sleep SECONDS` it first sleeps, as a server does that waits for something while it starts.
"""

import json
import sys
import time

_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_TOOLS = [{"name": name, "description": "The text, unchanged.", "inputSchema": _SCHEMA} for name in ("echo", "note")]


def _result(method: str, params: dict) -> dict | None:
    if method == "tools/call":
        return {"content": [{"type": "text", "text": params["arguments"]["text"]}], "isError": False}
    if method == "tools/list":
        return {"tools": _TOOLS}
    if method == "initialize":
        told = {"name": "echo", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": told}
    return None


def main() -> None:
    if "--sleep" in sys.argv:
        time.sleep(float(sys.argv[sys.argv.index("--sleep") + 1]))
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        result = _result(request["method"], request.get("params") or {})
        if result is None:
            answer["error"] = {"code": -32601, "message": "no such method"}
        else:
            answer["result"] = result
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
