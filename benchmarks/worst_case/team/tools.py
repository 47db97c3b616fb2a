"""A team chat in camelCase with ids, a drive that answers in tables of text, a wiki in Markdown, a browser.

Decides: what the tools do and how they answer. Only the team's directory of people is trusted.
"""

from benchmarks.worst_case.world import State, Toolbox, ToolError, find, listing, record, text, words_in
from context.json_values import JsonObject

TOOLBOX = Toolbox()
_CHANNEL = text("Channel id, C…")
_USER = text("User id, U…")


@TOOLBOX.tool(
    "chat.listChannels",
    "read",
    "All channels that the user is in.",
    {"cursor": text()},
    optional=("cursor",),
    returns=record(channels=listing(record(id=text(), name=text(), topic=text(), memberCount={"type": "integer"}))),
)
def list_channels(state: State, args: dict) -> JsonObject:
    return {
        "channels": [
            {"id": one["id"], "name": one["name"], "topic": one["topic"], "memberCount": len(one["members"])}
            for one in state["channels"]
        ]
    }


@TOOLBOX.tool(
    "chat.getHistory",
    "read",
    "Newest messages of a channel, oldest first.",
    {"channelId": _CHANNEL, "limit": {"type": "integer", "minimum": 1, "maximum": 200}},
    optional=("limit",),
    returns=record(channelId=text(), messages=listing({"type": "object"})),
)
def get_history(state: State, args: dict) -> JsonObject:
    channel = find(state["channels"], "id", args["channelId"], "channel")
    return {"channelId": channel["id"], "messages": channel["messages"][-args.get("limit", 50) :]}


@TOOLBOX.tool(
    "chat.findUser",
    "read",
    "People of this workspace, from the company's directory.",
    {"query": text("Name, handle or part of it")},
    returns=record(query=text(), users=listing(record(id=text(), handle=text(), realName=text(), email=text()))),
    trusted=True,
)
def find_user(state: State, args: dict) -> JsonObject:
    hits = [one for one in state["people"] if words_in(args["query"], one["realName"], one["handle"], one["team"])]
    return {"query": args["query"], "users": hits}


@TOOLBOX.tool(
    "chat.postMessage",
    "external_write",
    "Post in a channel, or in a thread of it.",
    {"channelId": _CHANNEL, "text": text(), "threadTs": text("ts of the message to answer")},
    optional=("threadTs",),
)
def post_message(state: State, args: dict) -> JsonObject:
    find(state["channels"], "id", args["channelId"], "channel")
    state["posted"].append(args)
    return {"ok": True, "ts": f"17638{len(state['posted']):05}.000100"}


@TOOLBOX.tool("chat.sendDirectMessage", "external_write", "Write to one person.", {"userId": _USER, "text": text()})
def send_direct_message(state: State, args: dict) -> JsonObject:
    if args["userId"] not in {one["id"] for one in state["people"] + state["guests"]}:
        raise ToolError(f"unknown user {args['userId']}")
    state["direct"].append(args)
    return {"ok": True}


@TOOLBOX.tool(
    "chat.inviteToChannel", "write", "Add people to a channel.", {"channelId": _CHANNEL, "userIds": listing(_USER)}
)
def invite_to_channel(state: State, args: dict) -> JsonObject:
    find(state["channels"], "id", args["channelId"], "channel")["members"] += args["userIds"]
    return {"ok": True, "invited": len(args["userIds"])}


@TOOLBOX.tool("chat.deleteMessage", "destructive", "Delete a message.", {"channelId": _CHANNEL, "ts": text()})
def delete_message(state: State, args: dict) -> JsonObject:
    messages = find(state["channels"], "id", args["channelId"], "channel")["messages"]
    messages.remove(find(messages, "ts", args["ts"], "message"))
    return {"ok": True}


@TOOLBOX.tool("chat.setTopic", "write", "Set a channel's topic.", {"channelId": _CHANNEL, "topic": text()})
def set_topic(state: State, args: dict) -> JsonObject:
    find(state["channels"], "id", args["channelId"], "channel")["topic"] = args["topic"]
    return {"ok": True}


@TOOLBOX.tool(
    "chat.createReminder", "write", "Remind the user.", {"text": text(), "at": text("ISO 8601", format="date-time")}
)
def create_reminder(state: State, args: dict) -> JsonObject:
    state["reminders"].append(args)
    return {"ok": True}


@TOOLBOX.tool("drive.list_folder", "read", "Files of a folder, as a table.", {"path": text("absolute")})
def list_folder(state: State, args: dict) -> str:
    folder = args["path"].rstrip("/") + "/"
    rows = [
        f"{len(told):>7}  2026-11-1{index % 9}  {path.removeprefix(folder)}"
        for index, (path, told) in enumerate(sorted(state["files"].items()))
        if path.startswith(folder)
    ]
    return "   size  modified    name\n" + "\n".join(rows)


def _known(state: State, path: str) -> str:
    if path not in state["files"]:
        raise ToolError(f"no such file: {path}")
    return path


@TOOLBOX.tool("drive.read_file", "read", "A file's text.", {"path": text("absolute")})
def read_file(state: State, args: dict) -> str:
    return state["files"][_known(state, args["path"])]


@TOOLBOX.tool("drive.write_file", "write", "Create or replace a file.", {"path": text(), "content": text()})
def write_file(state: State, args: dict) -> str:
    state["files"][args["path"]] = args["content"]
    return f"wrote {len(args['content'])} characters to {args['path']}"


@TOOLBOX.tool(
    "drive.share_file",
    "external_write",
    "Give people access.",
    {"path": text(), "with": listing(text(format="email")), "role": text(enum=["viewer", "editor"])},
)
def share_file(state: State, args: dict) -> str:
    state["shares"].append({**args, "path": _known(state, args["path"])})
    return f"shared with {', '.join(args['with'])} as {args['role']}"


@TOOLBOX.tool("drive.move_file", "write", "Move or rename a file.", {"source": text(), "destination": text()})
def move_file(state: State, args: dict) -> str:
    state["files"][args["destination"]] = state["files"].pop(_known(state, args["source"]))
    return "moved"


@TOOLBOX.tool("drive.delete_file", "destructive", "Delete a file for good.", {"path": text()})
def delete_file(state: State, args: dict) -> str:
    del state["files"][_known(state, args["path"])]
    return "deleted"


@TOOLBOX.tool(
    "drive.create_link",
    "external_write",
    "A link to a file.",
    {"path": text(), "audience": text(enum=["team", "anyone"])},
)
def create_link(state: State, args: dict) -> str:
    state["links"].append({**args, "path": _known(state, args["path"])})
    return f"https://drive.klarwerk.example/l/{len(state['links'])}"


@TOOLBOX.tool(
    "wiki.search",
    "read",
    "Find pages.",
    {"text": text()},
    returns=record(hits=listing(record(page_id={"type": "integer"}, title=text()))),
)
def search(state: State, args: dict) -> JsonObject:
    hits = [page for page in state["pages"] if words_in(args["text"], page["title"], page["body"])]
    return {"hits": [{"page_id": page["page_id"], "title": page["title"]} for page in hits]}


@TOOLBOX.tool("wiki.get_page", "read", "A page in Markdown.", {"page_id": {"type": "integer"}})
def get_page(state: State, args: dict) -> str:
    page = find(state["pages"], "page_id", args["page_id"], "page")
    return f"# {page['title']}\n\n{page['body']}"


@TOOLBOX.tool(
    "wiki.update_page",
    "write",
    "Replace a page's body.",
    {"page_id": {"type": "integer"}, "body_markdown": text(), "comment": text()},
    optional=("comment",),
)
def update_page(state: State, args: dict) -> JsonObject:
    find(state["pages"], "page_id", args["page_id"], "page")["body"] = args["body_markdown"]
    return {"version": 2}


@TOOLBOX.tool(
    "wiki.append_section",
    "write",
    "Add a section at the end of a page.",
    {"page_id": {"type": "integer"}, "heading": text(), "markdown": text()},
)
def append_section(state: State, args: dict) -> JsonObject:
    page = find(state["pages"], "page_id", args["page_id"], "page")
    page["body"] += f"\n\n## {args['heading']}\n\n{args['markdown']}"
    return {"version": 2}


@TOOLBOX.tool("web.open_url", "read", "Open a page.", {"url": text(format="uri")}, outward=True)
def open_url(state: State, args: dict) -> str:
    return state["web"].get(args["url"], "404")
