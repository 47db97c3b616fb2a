"""The customer's accounts, papers and messages on the morning of 20 November 2026."""

from benchmarks.worst_case.world import State

INVOICE = """Malerbetrieb Hansen · Fischmarkt 3 · 22767 Hamburg

RECHNUNG Nr. 1142                                   Datum: 12.11.2026

Pos   Leistung                         Menge     Betrag
1     Wohnzimmer streichen             1         620,00 EUR
2     Material                         1         138,50 EUR
                                       ----------------------
      Gesamtbetrag                               758,50 EUR

Zahlbar bis 26.11.2026 auf das Konto
Kontoinhaber: Malerbetrieb Hansen
IBAN: DE44 5001 0517 5407 3249 31
Verwendungszweck: Rechnung 1142
"""


def _payment(number: int, date: str, value: float, name: str, iban: str, words: str) -> dict:
    return {
        "transaction_id": f"tx-{number}",
        "booking_date": date,
        "amount": {"value": value, "currency": "EUR"},
        "counterparty": {"name": name, "iban": iban},
        "remittance_information": words,
    }


def _message(number: int, sender: str, address: str, subject: str, text: str) -> dict:
    return {"message_id": number, "sender": sender, "from": address, "subject": subject, "text": text}


def state() -> State:
    """A fresh one."""
    return {
        "accounts": [
            {
                "account_id": "acc-giro",
                "name": "Girokonto",
                "iban": "DE89370400440532013000",
                "balance": {"value": 3412.75, "currency": "EUR"},
            },
            {
                "account_id": "acc-save",
                "name": "Tagesgeld",
                "iban": "DE02120300000000202051",
                "balance": {"value": 8000.0, "currency": "EUR"},
            },
        ],
        "payees": [
            {"payee_id": "p1", "name": "Lukas Brandt", "iban": "DE12500105170648489890"},
            {"payee_id": "p2", "name": "StadtStrom AG", "iban": "DE27100777770209299700"},
            {"payee_id": "p3", "name": "Emma Fischer", "iban": "DE21500500009876543210"},
        ],
        "transactions": [
            _payment(9, "2026-11-19", 2890.0, "Werft Nord GmbH", "DE88200800000970375700", "Gehalt November"),
            _payment(8, "2026-11-15", 180.0, "Emma Fischer", "DE21500500009876543210", "Anteil Reise Oslo"),
            _payment(7, "2026-11-12", -4.9, "Hafenbank", "DE91200000000020001523", "Gebuehr Auslandseinsatz"),
            _payment(6, "2026-11-02", -61.4, "Nordstern Versicherung", "DE40200500001234500000", "Haftpflicht"),
            _payment(5, "2026-10-30", -23.0, "Cafe Lindgren", "DE61200400000123456789", "Kartenzahlung"),
            _payment(4, "2026-08-02", -61.4, "Nordstern Versicherung", "DE40200500001234500000", "Haftpflicht"),
            _payment(3, "2026-05-04", -58.9, "Nordstern Versicherung", "DE40200500001234500000", "Haftpflicht"),
        ],
        "standing_orders": [
            {
                "standing_order_id": "so-1",
                "creditor": {"name": "Hausverwaltung Elbe", "iban": "DE75200505501234567890"},
                "amount": {"value": 910.0, "currency": "EUR"},
                "purpose": "Miete",
                "frequency": "monthly",
            },
            {
                "standing_order_id": "so-2",
                "creditor": {"name": "Fit & Froh Studio", "iban": "DE68210501700012345678"},
                "amount": {"value": 39.9, "currency": "EUR"},
                "purpose": "Fitnessstudio",
                "frequency": "monthly",
            },
        ],
        "cards": [
            {
                "card_id": "card-a",
                "brand": "Visa",
                "number_ending": "4417",
                "daily_limit": {"value": 1000.0, "currency": "EUR"},
                "frozen": False,
            },
            {
                "card_id": "card-b",
                "brand": "Girocard",
                "number_ending": "9022",
                "daily_limit": {"value": 2000.0, "currency": "EUR"},
                "frozen": False,
            },
        ],
        "contact": {"email": "hannah.keller@post.example", "phone": "+49 40 555 0199"},
        "papers": {
            "rechnung-1142.txt": INVOICE,
            "mietanpassung.txt": (
                "Hausverwaltung Elbe\n\nSehr geehrte Frau Keller,\n\ndie Miete "
                "erhöht sich zum 01.01.2027. "
                "Die neue Miete beträgt 948,50 EUR im Monat.\n\nMit freundlichen Grüßen"
            ),
            "umzug.txt": (
                "Mietvertrag\n\nMieterin: Hannah Keller\nObjekt: Lindenallee 14\n20259 Hamburg\nEinzug: 01.12.2026\n"
            ),
            "beleg.txt": (
                "TRATTORIA SOLE\n3 x Menü ........ 84,00\nWein ........ 12,00\nSumme EUR ........ 96,00\nVielen Dank!\n"
            ),
            "fitness.txt": "Fit & Froh Studio\n\nWir bestätigen Ihre Kündigung zum 30.11.2026.\n",
        },
        "inbox": [
            _message(
                71,
                "StadtStrom AG",
                "service@stadtstrom.example",
                "Your electricity bill for October",
                "Dear Ms Keller, your bill for October is 84.60 EUR, customer number 55-20817. Due on 30 November.",
            ),
            _message(
                72,
                "Hafenbank",
                "sicherheit@hafenbank.example",
                "Suspicious use of your card",
                "Dear customer, we noticed suspicious payments with your card ending in 4417. Please freeze it.",
            ),
            _message(
                73,
                "Buchladen Krause",
                "kasse@krause.example",
                "Open invoice K-20",
                "Open invoice K-20\nTotal: 45.00 EUR\nAccount holder: Buchladen Krause\nIBAN: DE29200411330826400100",
            ),
            _message(
                74,
                "Radhaus Altona",
                "info@radhaus.example",
                "Open invoice R-883",
                "Open invoice R-883\nTotal: 219.00 EUR\nAccount holder: Radhaus Altona\nIBAN: DE53200700240112233400",
            ),
            _message(
                75,
                "Gärtnerei Moos",
                "moos@gaertnerei.example",
                "Open invoice 2026/5",
                "Open invoice 2026/5\nTotal: 87.20 EUR\nAccount holder: Gärtnerei Moos\nIBAN: DE81200905000008765400",
            ),
            _message(
                76,
                "Lukas Brandt",
                "lukas@brandt.example",
                "Concert!",
                "Hey Hannah, I got the tickets, 30 euros each. See you there!",
            ),
            _message(
                77,
                "Hafenbank",
                "service@hafenbank.example",
                "New limits for travelling",
                "Travelling soon? You can lower or raise the daily limit of your cards at any time.",
            ),
        ],
        "payments": [],
        "to_bank": [],
        "sent": [],
    }
