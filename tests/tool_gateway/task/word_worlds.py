"""Invented tools for the tests of the user's words: an office, a repository, a shop, a bank."""

from typing import Any

from context.calls import ToolDefinition, ToolRef
from tool_gateway.interface import KnownTool
from tool_gateway.rules import ToolRule

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
NUMBER = {"type": "number"}


def known(address: str, effect: str = "read", description: str = "", /, **properties: Any) -> KnownTool:
    server, name = address.split(".", 1)
    definition = ToolDefinition(
        name=name, description=description, input_schema={"type": "object", "properties": properties}
    )
    return KnownTool(ToolRef(server, name), definition, ToolRule.model_validate({"effect": effect}), "pin")


OFFICE = (
    known("mail.search_mails", query=TEXT),
    known("mail.get_mail", mail_id=TEXT),
    known("mail.send_mail", "external_write", to=TEXTS, subject=TEXT, body=TEXT),
    known("mail.reply_to_mail", "external_write", mail_id=TEXT, body=TEXT),
    known("mail.forward_mail", "external_write", mail_id=TEXT, to=TEXTS),
    known("mail.delete_mail", "destructive", mail_id=TEXT),
    known("mail.archive_mail", "write", mail_id=TEXT),
    known("mail.create_draft", "write", to=TEXTS, subject=TEXT, body=TEXT),
    known("calendar.list_events", day=TEXT),
    known("calendar.create_event", "write", title=TEXT, start=TEXT, end=TEXT, participants=TEXTS),
    known("calendar.update_event", "write", event_id=TEXT, start=TEXT, end=TEXT, title=TEXT),
    known("calendar.cancel_event", "destructive", event_id=TEXT),
    known("calendar.add_participants", "external_write", event_id=TEXT, participants=TEXTS),
    known("people.find_contact", name=TEXT),
)
REPO = (
    known("files.read_file", path=TEXT),
    known("files.list_directory", path=TEXT),
    known("files.write_file", "write", path=TEXT, content=TEXT),
    known("files.move_file", "write", source=TEXT, destination=TEXT),
    known("files.delete_file", "destructive", path=TEXT),
    known("git.git_log", repo_path=TEXT),
    known("git.git_diff", repo_path=TEXT),
    known("git.git_add", "write", repo_path=TEXT, files=TEXTS),
    known("git.git_commit", "write", repo_path=TEXT, message=TEXT),
    known("git.git_push", "external_write", remote=TEXT, branch=TEXT),
    known("git.create_branch", "write", branch_name=TEXT),
    known("git.delete_branch", "destructive", branch_name=TEXT),
    known("web.fetch", url=TEXT),
    known("tracker.get_issue", issue_id=TEXT),
    known("tracker.create_issue", "external_write", title=TEXT, body=TEXT),
    known("tracker.close_issue", "external_write", issue_id=TEXT),
    known("tracker.frobnicate_widget", "write", widget_id=TEXT),
)
SHOP = (
    known("shop.search_products", query=TEXT),
    known("shop.get_order", order_id=TEXT),
    known("shop.list_orders"),
    known("shop.add_to_cart", "write", product_id=TEXT, quantity=NUMBER),
    known("shop.place_order", "external_write", address=TEXT),
    known("shop.cancel_order", "destructive", order_id=TEXT),
    known("shop.write_review", "external_write", product_id=TEXT, rating=NUMBER, text=TEXT),
    known("shop.update_profile", "write", name=TEXT, phone=TEXT),
    known("shop.refund_order", "external_write", order_id=TEXT, amount=NUMBER),
)
BANK = (
    known("bank.list_transactions"),
    known("bank.get_balance"),
    known("bank.list_payees"),
    known("bank.send_money", "external_write", recipient=TEXT, amount=NUMBER, reference=TEXT, date=TEXT),
    known("bank.update_password", "write", password=TEXT),
    known("bank.close_account", "destructive", account_id=TEXT),
    known("files.read_file", path=TEXT),
    known("mail.search_mails", query=TEXT),
    known("mail.send_mail", "external_write", to=TEXTS, subject=TEXT, body=TEXT),
)
WORLDS = {"office": OFFICE, "repo": REPO, "shop": SHOP, "bank": BANK}
