"""A server that is whatever a file tells it to be. Standard library only.

    python3 told_server.py PLAN

PLAN is a JSON object, read anew for every request, so that a test can change it in the middle of a run:

- `tools`: what is listed. `answers`: tool → the result, or `{"error": …}`, or `{"file": PATH}`: its text. A tool
  that has none leaves its arguments as one line of JSON in `effects`.
- `then`: tool → changes of the plan that are made and announced before the tool answers.
- `hello`: members of the handshake's result. `offers`: method → result, for lists besides that of tools.
- `asks`: requests that it sends during each call. `holds`: tool → a file; its calls are not answered while it exists.
- `storm`: how many times a second it says, for a second of each call, that its tools changed.
- `log`: every message that it is sent, as lines of JSON.
"""

import json
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
import server


class Told(server.Server):
    """See the module."""

    def __init__(self, path):
        self.path = Path(path)
        self.subscription = None
        self.asked = 0
        self.modern = self.plan.get("modern", True)

    @property
    def plan(self):
        return json.loads(self.path.read_text())

    def tools(self):
        return self.plan.get("tools", [])

    def handle(self, request):
        plan = self.plan
        with Path(plan["log"]).open("a") as log:
            log.write(json.dumps(request) + "\n")
        method = request.get("method")
        if method == "subscriptions/listen":
            self.subscription = request["id"]
            asked = (request.get("params") or {}).get("notifications", {})
            server.notify("notifications/subscriptions/acknowledged", _meta=self.meta(), notifications=asked)
        elif method in plan.get("offers", {}):
            server.result(request, plan["offers"][method])
        elif method == "initialize" and "hello" in plan:
            capabilities = {"tools": {"listChanged": True}, "prompts": {}, "resources": {}}
            info = {"name": "told", "version": "1"}
            server.result(
                request,
                {
                    "protocolVersion": server.LEGACY,
                    "capabilities": capabilities,
                    "serverInfo": info,
                    **plan["hello"],
                },
            )
        else:
            super().handle(request)

    def call(self, request, name, arguments):
        plan = self.plan
        for ask in plan.get("asks", []):
            self.asked += 1
            server.say({"jsonrpc": "2.0", "id": f"ask-{self.asked}", **ask})
        if name in plan.get("then", {}):
            draft = self.path.with_suffix(".draft")
            draft.write_text(json.dumps(plan | plan["then"][name]))
            draft.replace(self.path)  # another call may be reading it
            self.announce()
        if "storm" in plan:
            self.storm(plan["storm"])
        while Path(self.plan.get("holds", {}).get(name, "")).is_file():
            time.sleep(0.005)
        answer = plan.get("answers", {}).get(name)
        if answer is None:
            with Path(plan["effects"]).open("a") as file:
                file.write(json.dumps(arguments, ensure_ascii=False) + "\n")
            answer = server.text_result("done")
        if "error" in answer:
            server.say({"jsonrpc": "2.0", "id": request["id"], "error": answer["error"]})
        elif "file" in answer:
            server.result(request, server.text_result(Path(answer["file"]).read_text()))
        else:
            server.result(request, {"resultType": "complete", "content": [], **answer})

    def storm(self, times):
        """Evenly over a second, as a server does that is not merely bursting."""
        began = time.monotonic()
        for number in range(times):
            self.announce()
            time.sleep(max(0.0, began + (number + 1) / times - time.monotonic()))

    def announce(self):
        server.notify("notifications/tools/list_changed", _meta=self.meta())

    def meta(self):
        return {"io.modelcontextprotocol/subscriptionId": self.subscription}


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    Told(sys.argv[1]).run()
