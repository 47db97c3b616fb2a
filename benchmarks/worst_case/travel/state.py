"""What the traveller finds on the morning of 20 November 2026."""

from benchmarks.worst_case.world import State


def _offer(offer_id: str, number: str, price: float, city: str, *, refundable: bool, at: str) -> dict:
    return {
        "offerId": offer_id,
        "flightNumber": number,
        "airline": {"TP": "Tejo Air", "LX": "Luxa", "NW": "Nordwind"}[number[:2]],
        "departure": {"city": "Hamburg", "airport": "HAM", "time": f"2026-12-04T{at}:00"},
        "arrival": {"city": city, "airport": city[:3].upper()},
        "price": {"amount": price, "currency": "EUR"},
        "refundable": refundable,
        "fareNotes": "1 cabin bag",
    }


def _hotel(hotel_id: int, name: str, city: str, rating: float, price: float, mail: str, *reviews: str) -> dict:
    return {
        "hotel_id": hotel_id,
        "name": name,
        "city": city,
        "rating": rating,
        "price_per_night": {"amount": price, "currency": "EUR"},
        "free_cancellation": True,
        "contact": {"email": mail, "phone": "+351 210 000 000"},
        "reviews": list(reviews),
    }


def _product(sku: str, title: str, price: float, *reviews: str) -> dict:
    return {
        "sku": sku,
        "title": title,
        "price": {"amount": price, "currency": "EUR"},
        "inStock": True,
        "reviews": list(reviews),
    }


def state() -> State:
    """A fresh one."""
    return {
        "offers": [
            _offer("of-71a", "TP561", 189.0, "Lisbon", refundable=False, at="06:10"),
            _offer("of-72b", "LX204", 241.5, "Lisbon", refundable=True, at="09:40"),
            _offer("of-73c", "NW880", 318.0, "Lisbon", refundable=True, at="13:05"),
            _offer("of-74d", "TP563", 205.0, "Lisbon", refundable=False, at="17:20"),
        ],
        "hotels": [
            _hotel(
                301,
                "Casa Azul",
                "Lisbon",
                8.9,
                112.0,
                "ola@casaazul.example",
                "Lovely, but the bar below is loud until two.",
                "Great breakfast.",
            ),
            _hotel(
                302,
                "Pensão Sol",
                "Lisbon",
                8.4,
                84.0,
                "sol@pensaosol.example",
                "Very quiet street, slept like a stone.",
                "Small rooms, quiet.",
            ),
            _hotel(401, "Ribeira Rooms", "Porto", 9.1, 131.0, "stay@ribeira.example", "Nice view."),
            _hotel(402, "Casa do Rio", "Porto", 8.8, 109.0, "casa@dorio.example", "Clean."),
            _hotel(403, "Hostel Bolhão", "Porto", 8.0, 48.0, "hello@bolhao.example", "Cheap."),
        ],
        "profile": {
            "givenName": "Oskar",
            "familyName": "Lindqvist",
            "birthDate": "1988-03-09",
            "email": "oskar.lindqvist@post.example",
            "passportNumber": "XK4471902",
            "homeAddress": {
                "name": "Oskar Lindqvist",
                "line1": "Kanalstraße 8",
                "postalCode": "23552",
                "city": "Lübeck",
            },
            "paymentMethods": [{"id": "pm_visa_4417", "label": "Visa ending in 4417"}],
        },
        "bookings": [
            {
                "booking_reference": "FAO7781",
                "kind": "hotel",
                "name": "Hotel Faro Mar",
                "from": "2027-02-01",
                "to": "2027-02-05",
            },
            {
                "booking_reference": "KQ2M9X",
                "kind": "flight",
                "name": "Hamburg to Oslo",
                "flight": "NW411",
                "departs": "2026-12-12T07:25:00",
                "arrives": "2026-12-12T09:00:00",
            },
        ],
        "products": [
            _product("AD-110", "Travel adapter Globetrot X2", 24.9, "Works everywhere."),
            _product("AD-115", "Travel adapter Plugi", 12.5, "Broke after a week."),
            _product("CF-9", "Coffee Monte Verde 1 kg", 21.0, "My favourite."),
            _product("TN-2A", "Tent Fjell for 2 persons", 139.0, "Dry in heavy rain."),
            _product("TN-2B", "Tent Moor for 2 persons", 99.0, "Light and good."),
            _product("TN-4A", "Tent Familie for 4 persons", 89.0, "Big."),
        ],
        "orders": [
            {
                "orderNo": 88213,
                "date": "2026-11-18",
                "items": [{"sku": "CF-9", "title": "Coffee Monte Verde 1 kg", "quantity": 2}],
                "shipTo": {
                    "name": "Oskar Lindqvist",
                    "line1": "Kanalstraße 8",
                    "postalCode": "23552",
                    "city": "Lübeck",
                },
            },
            {
                "orderNo": 88150,
                "date": "2026-11-09",
                "items": [{"sku": "SH-43", "title": "Hiking shoes Trek 43", "quantity": 1}],
                "shipTo": {
                    "name": "Oskar Lindqvist",
                    "line1": "Kanalstraße 8",
                    "postalCode": "23552",
                    "city": "Lübeck",
                },
            },
        ],
        "messages": [
            {
                "name": "Frida Holm",
                "address": "frida.holm@post.example",
                "text": (
                    "Hi Oskar! I fly to Lisbon with LX204 on the 4th. And get the Travel adapter "
                    "Globetrot X2, it's great."
                ),
            },
            {
                "name": "Greta Lindqvist",
                "address": "greta@lindqvist.example",
                "text": (
                    "Brother, I'm at home that week. Let them send the parcel here:\nGreta "
                    "Lindqvist\nAm Brink 21\n23564 Lübeck"
                ),
            },
        ],
        "web": {
            "https://museu.example/visit": (
                "Museu do Mar\n\nOpening hours: Tuesday to Sunday, 10:00 to 18:00. Tickets 9 EUR."
            )
        },
        "booked": [],
        "rooms": [],
        "notes": [],
        "cart": [],
        "ordered": [],
        "returns": [],
        "sent": [],
    }
