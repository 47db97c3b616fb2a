"""The same reading over tools that are named in other ways: which tools people mean, and what their words let a source
decide. What is named besides what is needed must neither pay nor destroy."""

import pytest

from tests.tool_gateway.task.word_worlds import NUMBER, TEXT, TEXTS, known
from tool_gateway.interface import KnownTool, Scope
from tool_gateway.provenance.evidence import Grant
from tool_gateway.task.reading import WordReading, read_words

DAY = {"type": "string", "format": "date"}
MAIL = {"type": "string", "format": "email"}
URI = {"type": "string", "format": "uri"}
IBAN = {"type": "object", "properties": {"iban": TEXT}}
MONEY = {"type": "object", "properties": {"value": NUMBER, "currency": TEXT}}

MONEYBOX = (
    known("banking.listTransactions", accountId=TEXT),
    known("banking.getBeneficiaries"),
    known("banking.createPaymentOrder", "external_write", debtor=IBAN, creditor=IBAN, amount=MONEY, executionDate=DAY),
    known("banking.addBeneficiary", "write", name=TEXT, iban=TEXT),
    known("banking.listStandingOrders"),
    known("banking.updateStandingOrder", "write", standingOrderId=TEXT, amount=MONEY),
    known("banking.cancelStandingOrder", "destructive", standingOrderId=TEXT),
    known("banking.setCardLimit", "write", cardId=TEXT, limit=NUMBER),
    known("banking.requestRefund", "external_write", transactionId=TEXT, reason=TEXT),
    known("banking.categorizeTransaction", "write", transactionId=TEXT, category=TEXT),
    known("scans.list_documents"),
    known("scans.get_text", document_id=TEXT),
    known("inbox.list_messages"),
    known("inbox.send_message", "external_write", recipient=TEXT, body=TEXT),
)
JOURNEY = (
    known("flights.searchFlights", to=TEXT, date=DAY),
    known("flights.bookFlight", "external_write", offerId=TEXT, passengers=TEXTS),
    known("flights.listBookings"),
    known("flights.cancelBooking", "destructive", bookingId=TEXT),
    known("hotels.find_hotels", city=TEXT),
    known("hotels.reserve_room", "external_write", hotel_id=TEXT, checkin=DAY, checkout=DAY),
    known("hotels.modify_reservation", "write", reservation_id=TEXT, checkout=DAY),
    known("hotels.write_review", "external_write", hotel_id=TEXT, stars=NUMBER, text=TEXT),
    known("store.search", q=TEXT),
    known("store.cart_add", "write", sku=TEXT, qty=NUMBER),
    known("store.cart_remove", "write", sku=TEXT),
    known("store.checkout", "external_write", cartId=TEXT),
    known("store.return_item", "external_write", orderId=TEXT, sku=TEXT),
    known("messages.list"),
    known("messages.send", "external_write", to=TEXT, text=TEXT),
    known("profile.set_home_address", "write", street=TEXT, city=TEXT),
)
WORKSHOP = (
    known("crm.search_contacts", query=TEXT),
    known("crm.create_contact", "write", name=TEXT, email=MAIL),
    known("crm.move_deal", "write", deal_id=TEXT, stage=TEXT),
    known("crm.add_note", "write", contact_id=TEXT, text=TEXT),
    known("tracker.search_issues", query=TEXT),
    known("tracker.create_issue", "external_write", title=TEXT, body=TEXT),
    known("tracker.add_comment", "external_write", issue_id=TEXT, body=TEXT),
    known("tracker.transition_issue", "write", issue_id=TEXT, status=TEXT),
    known("tracker.assign_issue", "write", issue_id=TEXT, assignee_id=TEXT),
    known("rooms.list_channels"),
    known("rooms.channel_messages", channel_id=TEXT),
    known("rooms.post", "external_write", channel_id=TEXT, text=TEXT),
    known("rooms.whisper", "external_write", "Send a message to one person.", user_id=TEXT, text=TEXT),
    known("rooms.find_user", name=TEXT),
    known("wiki.search", query=TEXT),
    known("wiki.get_page", page_id=TEXT),
    known("wiki.create_page", "write", title=TEXT, content=TEXT),
    known("wiki.append_section", "write", page_id=TEXT, text=TEXT),
    known("wiki.replace_page", "write", page_id=TEXT, content=TEXT),
    known("gcal.list_events", timeMin=TEXT),
    known("gcal.insert_event", "write", title=TEXT, start=TEXT, end=TEXT, attendees=TEXTS),
    known("gcal.patch_event", "write", event_id=TEXT, start=TEXT, end=TEXT),
    known("mailbox.list_mails"),
    known("mailbox.open_mail", mail_id=TEXT),
    known("mailbox.compose_and_send", "external_write", to=TEXTS, subject=TEXT, body=TEXT),
    known("mailbox.answer_mail", "external_write", mail_id=TEXT, body=TEXT),
    known("mailbox.pass_on_mail", "external_write", mail_id=TEXT, to=TEXTS),
    known("mailbox.file_mail", "write", mail_id=TEXT, folder=TEXT),
    known("mailbox.trash_mail", "destructive", mail_id=TEXT),
    known("gdrive.list_files", path=TEXT),
    known("gdrive.copy_file", "write", file_id=TEXT, name=TEXT),
    known("gdrive.move_file", "write", source=TEXT, destination=TEXT),
    known("gdrive.add_permission", "external_write", file_id=TEXT, email=MAIL, role=TEXT),
    known("browser.fetch", url=URI),
)
WORLDS = {"money": MONEYBOX, "journey": JOURNEY, "work": WORKSHOP}
SERIOUS = {
    *("createPaymentOrder", "requestRefund", "cancelStandingOrder", "cancelBooking", "checkout", "trash_mail"),
}
"""Tools here that pay or destroy: only a prompt that needs one may name one."""

NEEDED = [
    ("money", "Pay the invoice from Gartenbau Huber in my scanned papers.", "createPaymentOrder"),
    ("money", "Transfer 40 euros to Lukas for the concert tickets.", "createPaymentOrder"),
    ("money", "Send Emma back the money she sent me last week.", "createPaymentOrder"),
    ("money", "Settle what I owe Paula for dinner.", "createPaymentOrder"),
    ("money", "Raise the standing order for the rent to 930 euros.", "updateStandingOrder"),
    ("money", "Lower my card limit to 500.", "setCardLimit"),
    ("money", "Please cancel the standing order for the gym.", "cancelStandingOrder"),
    ("money", "Ask for a refund of the double charge by Streamly.", "requestRefund"),
    ("money", "Save the plumber as a payee.", "addBeneficiary"),
    ("money", "Put all supermarket transactions into the category groceries.", "categorizeTransaction"),
    ("money", "Tell the landlord by message that the rent is on its way.", "send_message"),
    ("money", "Überweise Lukas die 40 Euro für die Karten.", "createPaymentOrder"),
    ("money", "Gib Paul die 15 Euro zurück.", "createPaymentOrder"),
    ("money", "Erhöhe den Dauerauftrag für die Miete auf 930 Euro.", "updateStandingOrder"),
    ("journey", "Book me the cheapest direct flight to Lisbon on 3 May.", "bookFlight"),
    ("journey", "Reserve a double room in the best rated hotel in Porto.", "reserve_room"),
    ("journey", "Extend my stay in Porto by one night.", "modify_reservation"),
    ("journey", "Cancel my flight to Rome.", "cancelBooking"),
    ("journey", "Put two packs of the green tea in the basket.", "cart_add"),
    ("journey", "Take the lamp out of my cart.", "cart_remove"),
    ("journey", "Buy the blue rain jacket in size M.", "cart_add checkout"),
    ("journey", "Return the broken lamp.", "return_item"),
    ("journey", "Send the shoes from my last order back because they are too small.", "return_item"),
    ("journey", "Leave a review for the hotel in Porto: four stars, lovely breakfast.", "write_review"),
    ("journey", "Let my sister know when I land.", "send"),
    ("journey", "I moved. Change my home address to Birkenweg 3 in Kiel.", "set_home_address"),
    ("journey", "Schick die Schuhe zurück.", "return_item"),
    ("journey", "Schreib meiner Schwester, wann ich lande.", "send"),
    ("work", "Add Jana Kurz with jana@kurz.example to our contacts.", "create_contact"),
    ("work", "Move the Kurz deal to stage won.", "move_deal"),
    ("work", "Note on the contact Jana Kurz that she prefers calls in the morning.", "add_note"),
    ("work", "File a bug about the crash that Ben describes in #help.", "create_issue"),
    ("work", "Comment on issue 52 that the fix is live.", "add_comment"),
    ("work", "Mark issue 52 as in progress.", "transition_issue"),
    ("work", "Hand issue 52 over to Ben.", "assign_issue"),
    ("work", "Drop a line in #sales that the deal is won.", "post"),
    ("work", "If everybody in #sales agrees, share the date there.", "post"),
    ("work", "Start a page called Retro notes.", "create_page"),
    ("work", "Write the decisions from the minutes on the page Decisions.", "append_section"),
    ("work", "On the page Rota, swap out Tim for Ben.", "replace_page"),
    ("work", "Block an hour with Jana in my calendar on Monday at 10.", "insert_event"),
    ("work", "Shift my Monday call with Jana to Tuesday.", "patch_event"),
    ("work", "Jana wrote that she is late. Tell her that this is fine.", "answer_mail"),
    ("work", "Ask Jana by mail whether Tuesday works.", "compose_and_send"),
    ("work", "Pass Paul's mail about the car on to my insurance at claims@insure.example.", "pass_on_mail"),
    ("work", "Give jana@kurz.example access to the file Offer 2026.", "add_permission"),
    ("work", "Make a copy of the file Offer 2026 called Offer 2027.", "copy_file"),
    ("work", "Sag Jana per Mail Bescheid, dass Dienstag passt.", "compose_and_send"),
    ("work", "Teile die Datei Angebot 2026 mit jana@kurz.example.", "add_permission"),
    ("work", "Räum die Mails der Schule in den Ordner Schule.", "file_mail"),
    ("work", "Trag den Elternabend aus der Mail der Schule in den Kalender ein.", "insert_event"),
]
GRANTED = [
    # (world, prompt, TOOL:ARGUMENT<SOURCE, the words that point)
    ("work", "Post the result in #sales.", "post:channel_id<list_channels", ("#sales",)),
    ("work", "If everybody in #sales agrees, share the date there.", "post:channel_id<list_channels", ("#sales",)),
    ("work", "Add the actions to the wiki page Rota.", "append_section:page_id<search", ("Rota",)),
    ("work", "Send Ben the link to the style sheet. You find it on the page Brand.", "compose_and_send:body<get_page",
     ("Brand",)),
    ("work", "Forward the quote from Dach Kern to boss@x.example.", "pass_on_mail:mail_id<list_mails", ("Dach Kern",)),
    ("work", "Jana wrote about the tour. Tell her that I come.", "answer_mail:mail_id<list_mails", ("Jana",)),
    ("work", "Somebody asked me for a tour of the mill. Tell her that I am in.", "answer_mail:mail_id<list_mails",
     ("tour",)),
    ("work", "Set up a call with Jana at 11:00 and invite her. Her address is in her mail.",
     "insert_event:attendees[]<open_mail", ("Jana",)),
    ("work", "Petra mailed me. Move the planning to the time she proposes.", "patch_event:start<open_mail", ("Petra",)),
    ("work", "Put the checkup from Dr Roth's mail into my calendar.", "insert_event:start<open_mail", ("Dr Roth",)),
    ("work", "Open the link in Anna Voss' mail about the venue.", "fetch:url<open_mail", ("Anna Voss",)),
    ("work", "Tell the person who asked about port 8080 in #dev that it is closed.", "whisper:user_id<channel_messages",
     ("port", "8080")),
    ("journey", "Book the cheapest flight to Lisbon.", "bookFlight:offerId<searchFlights", ("cheapest", "Lisbon")),
    ("journey", "Put the green tea in the basket.", "cart_add:sku<search", ("green", "tea")),
    ("money", "Send Emma back what she sent me.", "createPaymentOrder:amount.value<listTransactions", ("Emma",)),
    ("money", "Transfer 40 euros to Lukas.", "createPaymentOrder:creditor.iban<getBeneficiaries", ("Lukas",)),
]  # fmt: skip


def read(world: str, prompt: str) -> WordReading:
    return read_words(prompt, WORLDS[world], scope=Scope())


def named(reading: WordReading) -> set[str]:
    assert reading.task is not None
    return {ref.tool for ref in reading.task.effects}


def told(grant: Grant) -> str:
    source = grant.source.ref.tool if grant.source.ref else "model"
    return f"{grant.ref.tool}:{grant.argument}<{source}"


@pytest.mark.parametrize(("world", "prompt", "needed"), NEEDED, ids=[row[1] for row in NEEDED])
def test_what_people_mean_is_named_however_the_tool_is_called(world: str, prompt: str, needed: str) -> None:
    found = named(read(world, prompt))
    assert set(needed.split()) <= found
    assert found & SERIOUS <= set(needed.split()) & SERIOUS


@pytest.mark.parametrize(("world", "prompt", "grant", "pointers"), GRANTED, ids=[row[1] for row in GRANTED])
def test_a_named_thing_is_granted_from_where_it_is_listed(
    world: str, prompt: str, grant: str, pointers: tuple[str, ...]
) -> None:
    assert (grant, pointers) in {(told(each), each.pointers) for each in read(world, prompt).grants}


def grants_of(world: str, prompt: str, argument: str) -> list[Grant]:
    return [grant for grant in read(world, prompt).grants if grant.argument == argument]


def test_several_things_are_several_records() -> None:
    assert all(grant.plural for grant in grants_of("work", "File all mails from Acme under Acme.", "mail_id"))
    one = grants_of("work", "File the mail from Acme under Acme.", "mail_id")
    assert one and not any(grant.plural for grant in one)


def test_each_of_two_things_has_its_own_words() -> None:
    prompt = "Trash the newsletter from Shopsy and the one from Trippo."
    assert {grant.pointers for grant in grants_of("work", prompt, "mail_id")} == {("Shopsy",), ("Trippo",)}


def test_a_page_that_is_read_by_its_id_names_no_page() -> None:
    found = {told(grant) for grant in read("work", "Add the actions to the wiki page Rota.").grants}
    assert "append_section:page_id<get_page" not in found


def test_a_whole_new_text_for_a_page_is_never_granted_its_page() -> None:
    assert not [
        grant
        for grant in read("work", "On the page Rota, swap out Tim for Ben.").grants
        if grant.ref.tool == "replace_page"
    ]


def test_a_link_that_is_handed_on_is_granted_as_a_link_only() -> None:
    grants = grants_of("work", "Send Ben the link to the style sheet. You find it on the page Brand.", "body")
    assert grants and all(grant.kinds == ("url",) for grant in grants)


def test_ones_own_account_is_never_taken_from_a_source() -> None:
    prompts = ("Pay the invoice in my scanned papers.", "Send Emma back what she sent me.", "Transfer 40 € to Lukas.")
    assert not [grant for prompt in prompts for grant in grants_of("money", prompt, "debtor.iban")]


def test_a_mail_is_no_paper_to_be_paid_from_unless_it_is_named() -> None:
    tools: tuple[KnownTool, ...] = (*WORKSHOP, *MONEYBOX[:3])
    unnamed = read_words("Pay the invoice from Acme.", tools, scope=Scope()).grants
    assert not [grant for grant in unnamed if grant.argument == "creditor.iban" and grant.source.ref is not None
                and grant.source.ref.server == "mailbox"]  # fmt: skip
    mail = read_words("Pay the invoice in the mail from Acme.", tools, scope=Scope()).grants
    assert [grant for grant in mail if grant.argument == "creditor.iban"]


def test_everybody_who_did_something_is_nobody_in_particular() -> None:
    assert not grants_of("work", "Tell everybody who asked about the port in #dev that it is closed.", "user_id")


CHANGES: tuple[KnownTool, ...] = (
    *JOURNEY,
    known("flights.rebookFlight", "external_write", bookingId=TEXT, offerId=TEXT),
    known("hotels.upgradeRoom", "external_write", reservation_id=TEXT, room_type=TEXT),
    known("cars.rent_car", "external_write", car_id=TEXT),
    known("store.get_product", sku=TEXT),
)
CARDS: tuple[KnownTool, ...] = (
    *MONEYBOX,
    known("banking.listCards"),
    known("banking.freezeCard", "write", cardId=TEXT),
    known("banking.createStandingOrder", "external_write", creditor=IBAN, amount=MONEY),
    known("papers.read_document", name=TEXT),
    known("letters.send", "external_write", recipient=MAIL, subject=TEXT, message=TEXT),
)


@pytest.mark.parametrize(
    ("tools", "prompt", "needed"),
    [
        (CHANGES, "Rebook my flight to Oslo to Friday.", "rebookFlight"),
        (CHANGES, "Buche den Flug nach Lissabon um.", "rebookFlight"),
        (CHANGES, "Upgrade my room in Porto to a suite.", "upgradeRoom"),
        (CHANGES, "Rent the cheapest car in Lisbon.", "rent_car"),
        (CHANGES, "Send the shoes back, they are too small.", "return_item"),
        (CHANGES, "Schick die Schuhe zurück.", "return_item"),
        (CARDS, "Lock my Visa card.", "freezeCard"),
        (CARDS, "Sperr bitte meine Visa-Karte.", "freezeCard"),
        (CARDS, "Set up a standing order of 50 euros a month to Lukas.", "createStandingOrder"),
        (CARDS, "Move everything above 2000 euros to Lukas.", "createPaymentOrder"),
        (CARDS, "Work out what I paid and write it to my adviser, ott@tax.example.", "send"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_changes_returns_cards_and_standing_orders_are_named(
    tools: tuple[KnownTool, ...], prompt: str, needed: str
) -> None:
    assert needed in named(read_words(prompt, tools, scope=Scope()))


def granted(tools: tuple[KnownTool, ...], prompt: str) -> set[str]:
    return {told(grant) for grant in read_words(prompt, tools, scope=Scope()).grants}


def test_things_without_a_price_that_are_moved_are_no_money() -> None:
    for prompt in ("Move all files above 20 euros to Archive.", "Send everything about the rent to Lukas."):
        assert "createPaymentOrder" not in named(read_words(prompt, CARDS, scope=Scope()))


def test_a_product_page_says_nothing_of_which_product_is_meant() -> None:
    found = granted(CHANGES, "Put the green tea in the basket.")
    assert "cart_add:sku<search" in found
    assert "cart_add:sku<get_product" not in found


def test_the_number_of_a_booking_comes_from_bookings_not_from_what_is_for_sale() -> None:
    found = granted(CHANGES, "Rebook my flight to Oslo to Friday.")
    assert "rebookFlight:bookingId<listBookings" in found
    assert not {"rebookFlight:bookingId<searchFlights", "rebookFlight:bookingId<find_hotels"} & found


def test_a_standing_order_is_not_looked_for_among_payments() -> None:
    found = granted(CARDS, "Increase my standing order for the gym to 45 euros.")
    assert found == {"updateStandingOrder:standingOrderId<listStandingOrders"}


def test_what_it_is_paid_with_does_not_say_which_thing_it_is() -> None:
    for prompt in ("Reserve a room at the hotel Sol in Porto with my Visa.", "Buy the Sol lamp from my Giro account."):
        grants = read_words(prompt, CHANGES, scope=Scope()).grants
        assert grants and not {"Visa", "Giro"} & {word for grant in grants for word in grant.pointers}


def test_a_name_alone_does_not_drop_what_is_compared() -> None:
    grants = read_words("Book the cheapest refundable flight to Lisbon.", CHANGES, scope=Scope()).grants
    assert {grant.pointers for grant in grants if grant.argument == "offerId"} == {("cheapest", "refundable", "Lisbon")}


def test_a_paper_that_a_tool_reads_by_its_title_decides_what_it_says() -> None:
    found = read_words("Bezahle die Rechnung rechnung-7.txt vom Girokonto.", CARDS, scope=Scope()).grants
    assert {(told(each), each.source.value) for each in found if each.argument == "amount.value"} == {
        ("createPaymentOrder:amount.value<read_document", "rechnung-7.txt")
    }


def test_a_paper_that_is_read_first_gives_the_amount_and_nothing_else() -> None:
    prompt = "Read the letter rent.txt and change the standing order for the flat to the new amount."
    from_paper = {grant.argument for grant in read_words(prompt, CARDS, scope=Scope()).grants
                  if grant.source.value == "rent.txt"}  # fmt: skip
    assert from_paper == {"amount.value", "amount.currency"}


def test_what_a_listing_of_hotels_says_is_nobody_to_write_to() -> None:
    found = granted((*CHANGES, *CARDS), "Ask the hotel Sol in Porto by email whether they have parking.")
    assert "send:recipient<find_hotels" not in found
