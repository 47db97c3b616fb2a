"""One form for everything that means the same: what makes `1,000.00` and `1e3`, or two spellings of a URL, equal.

Decides: the key of a single word. Two words are the same value exactly when their keys are equal, so every rule
here is a promise: when in doubt a word keeps its own spelling as its key and equals nothing else. Does not decide
where words begin and end (`words.py`) nor which words belong together (`values.py`).

Look-alikes of another script stay different (a Cyrillic а is no Latin a). Width and font variants of a word or a
number are equal (NFKC, without superscripts and fractions, which would change a number); those of an address, a
path or a URL are not, since whoever receives them may well tell them apart. Case counts in paths and in what
follows a URL's host, nowhere else. `lower`, never `casefold`, which would make ß and ss one address.
"""

import re
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from ipaddress import IPv6Address

from context.visible_text import is_hidden

# A key's kind stands before a separator that no word can contain (it counts as white space).
URL, ADDRESS, PATH, NUMBER, MONEY = "u\x1f", "a\x1f", "p\x1f", "n\x1f", "m\x1f"
DATE, TIME, MOMENT, PHONE, ACCOUNT = "d\x1f", "t\x1f", "w\x1f", "f\x1f", "i\x1f"
_LONG = "l\x1f"

LONGEST_WORD = 512
"""Characters of a word that is read as a value of some kind; a longer one equals only itself, by digest."""

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}
_SYMBOLS = {"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_CURRENCY_WORDS = {
    **{code.lower(): code for code in ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK")},
    **{code.lower(): code for code in ("PLN", "CZK", "HUF", "INR", "CNY", "HKD", "SGD", "BRL", "MXN", "ZAR")},
    "dollar": "USD",
    "dollars": "USD",
    "euro": "EUR",
    "euros": "EUR",
    "pounds": "GBP",
    "yen": "JPY",
    "rupees": "INR",
}
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?:['’][0-9]{3})+)(?:\.[0-9]+)?")
_CONTINENTAL = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,2}|(?:0|[1-9][0-9]*),[0-9]{2})")
# 1.234 is one and a bit to some and over a thousand to others; it equals only what is written the same.
_EITHER = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_MOST_DIGITS = 60
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_NAMED_MONTH = re.compile(r"([0-9]{1,2})[-/]([A-Za-z]{3,9})[-/]([0-9]{4})")
_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?)? ?([ap]m)?", re.IGNORECASE)
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_PHONE = re.compile(r"(?:\+|00)[1-9][0-9().-]{6,24}")
_JOINED_GROUPS = re.compile(r"[0-9]{3}-[0-9]{3}-[0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{4}(?:-[0-9]{4}){3}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL", "19": "MK SI", "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR", "27": "FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU", "31": "MT SC", "32": "LC",
    }.items()
    for country in countries.split()
}  # fmt: skip
_BASE_36 = {ord(char): str(int(char, 36)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_ADDRESS = re.compile(r"[^@\s/\\]+@[^@\s/\\:]+\.[^@\s/\\:]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_LOSSY = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>", "<vertical>")


def fold(text: str) -> str:
    """`text` in lower case, width and font variants made plain; characters whose plain form says less stay."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _plain(_plain(text).lower()))


def word_key(word: str) -> str:
    """What a word is equal by: its kind and its normal form, or its folded self."""
    if len(word) > LONGEST_WORD:
        return _LONG + blake2b(word.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    if word.isascii() and word.isalpha():
        return word.lower()
    if "://" in word:
        return url_key(word)
    if "@" in word:
        return address_key(word)
    plain = fold(word).replace("\u2212", "-")
    if any("0" <= char <= "9" for char in plain):
        found = _with_digits(word, plain)
        if found is not None:
            return found
    if "/" in word or "\\" in word:
        return path_key(word)
    return plain


def also_meant(word: str, key: str) -> tuple[str, ...]:
    """Further keys that a word of a *source* vouches for, beyond its own: `€50` for 50 and for EUR, `5%` for 5.

    Never asked about a call's argument: there `5%` is proven by `5%` alone.
    """
    if len(word) > LONGEST_WORD:
        return ()
    if key.startswith(MONEY):
        number, _, currency = key[len(MONEY) :].partition(" ")
        return (NUMBER + number, currency.lower()) if currency != "USD" else (NUMBER + number,)
    if key.startswith(PATH) and "/.." in key:
        collapsed = path_key(word, collapse=True)
        return () if collapsed == key else (collapsed,)
    plain = fold(word)
    if plain.endswith("%") or (plain.startswith("#") and plain[1:].isdigit()):
        number = number_form(plain.strip("%#"))
        return () if number is None else (NUMBER + number,)
    if plain.startswith("www.") and "@" not in plain:
        return (url_key("https://" + word), url_key("http://" + word))
    return ()


def number_form(text: str) -> str | None:
    """`1000` for 1000, 1,000.00 and 1e3; None for what is no number or could be read as two."""
    if not text or len(text) > _MOST_DIGITS or not text.isascii():
        return None
    if text.isdigit():
        return text if text[0] != "0" or text == "0" else None
    if _EITHER.fullmatch(text):
        return None
    if _NUMBER.fullmatch(text):
        digits = text
    elif _GROUPED.fullmatch(text):
        digits = text.replace(",", "").replace("'", "")
    elif _CONTINENTAL.fullmatch(text):
        digits = text.replace(".", "").replace(",", ".")
    else:
        return None
    return _written(Decimal(digits))


def number_key(value: int | float) -> str:
    """The key of a JSON number."""
    try:
        number = Decimal(repr(value))
    except (ArithmeticError, ValueError):  # more digits than Python writes
        return NUMBER + "beyond"
    return NUMBER + (_written(number) if number.is_finite() and abs(number.adjusted()) < 400 else repr(value))


def date_form(text: str) -> str | None:
    """`2026-11-20` from the forms that are one word; None where day and month could be swapped."""
    if (match := _YEAR_FIRST.fullmatch(text)) is not None:
        return day(int(match[1]), int(match[3]), int(match[4]))
    if (match := _NAMED_MONTH.fullmatch(text)) is not None:
        return day(int(match[3]), MONTHS.get(match[2].lower(), 0), int(match[1]))
    if (match := _YEAR_LAST.fullmatch(text)) is not None:
        one, two, year = int(match[1]), int(match[3]), int(match[4])
        if one > 12 or one == two:
            return day(year, two, one)
        return day(year, one, two) if two > 12 else None
    return None


def day(year: int, month: int, number: int) -> str | None:
    """An ISO date, or None where there is no such day."""
    try:
        return datetime(year, month, number).date().isoformat()
    except ValueError:
        return None


def time_form(text: str) -> str | None:
    """`14:30` from 14:30, 14:30:00, 2:30pm and 2:30 PM; seconds stay where there are any."""
    match = _CLOCK.fullmatch(text)
    if match is None or (match[2] is None and match[5] is None):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = (match[4] or "").rstrip("0").rstrip(".")
    return f"{hour:02}:{minute:02}" + (f":{second:02}{fraction}" if second or fraction else "")


def moment_form(text: str) -> str | None:
    """ISO date and time, in UTC where a zone is given; without one it stays local and equals no zoned one."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    date, clock = date_form(match[1]), time_form(match[2])
    if date is None or clock is None:
        return None
    if match[3] is None:
        return f"{date}T{clock}"
    if match[3] in "Zz":
        return f"{date}T{clock}Z"
    digits = match[3][1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 18 or minutes > 59:
        return None
    away = timedelta(hours=hours, minutes=minutes) * (-1 if match[3][0] == "-" else 1)
    try:
        universal = datetime.fromisoformat(f"{date}T{clock[:5]}:00") - away
    except (ValueError, OverflowError):
        return None
    return f"{universal.date().isoformat()}T{universal:%H:%M}{clock[5:]}Z"


def currency_of(word: str) -> str | None:
    """The currency's code for a word or sign that stands alone."""
    plain = fold(word)
    return _SYMBOLS.get(plain) or _CURRENCY_WORDS.get(plain)


def money_form(text: str) -> str | None:
    """`1000 EUR` from €1,000, EUR1000, 1000€; None without a currency."""
    plain = text.strip().lower()
    for sign in ("us$", "$", "€", "£", "¥", "₹"):
        if plain.startswith(sign) or plain.endswith(sign):
            number = number_form(plain.removeprefix(sign) if plain.startswith(sign) else plain.removesuffix(sign))
            return None if number is None else f"{number} {_SYMBOLS[sign]}"
    for code in (plain[:3], plain[-3:]):
        if code in _CURRENCY_WORDS:
            number = number_form(plain[3:] if plain.startswith(code) else plain[:-3])
            return None if number is None else f"{number} {_CURRENCY_WORDS[code]}"
    return None


def iban_form(text: str) -> str | None:
    """The IBAN without spaces, when its length and its check digits are right (ISO 13616)."""
    plain = text.replace(" ", "").upper()
    if len(plain) != IBAN_LENGTHS.get(plain[:2]) or not _IBAN.fullmatch(plain):
        return None
    return plain if int((plain[4:] + plain[:4]).translate(_BASE_36)) % 97 == 1 else None


def passes_luhn(digits: str) -> bool:
    """Whether the last digit of a card number is right (ISO/IEC 7812)."""
    doubled = (int(char) * (1 + place % 2) for place, char in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def url_key(text: str) -> str:
    """Scheme and host in lower case, host as A-labels, no default port, plain escapes, no slash at the end.

    A URL that readers disagree about (user information, backslash, hidden characters, dot segments, an
    authority that is no host) equals only what is written exactly like it.
    """
    literal = URL + "!" + text
    match = _URL.fullmatch(text)
    if match is None or "\\" in text or "@" in match[2] or any(map(is_hidden, text)):
        return literal
    scheme = match[1].lower()
    name, colon, port = match[2], "", ""
    if not name.endswith("]"):
        name, colon, port = match[2].partition(":") if not name.startswith("[") else match[2].rpartition(":")
    host = host_form(name)
    if host is None or (colon and not (port.isascii() and port.isdigit() and len(port) <= 5)):
        return literal
    path = _plain_escapes(unicodedata.normalize("NFC", match[3]))
    if any(part in {".", ".."} for part in path.split("/")):
        return literal
    shown_port = "" if not colon or int(port) == _PORTS.get(scheme) else f":{int(port)}"
    rest = _plain_escapes(unicodedata.normalize("NFC", (match[4] or "") + (match[5] or "")))
    return f"{URL}{scheme}://{host}{shown_port}{path.removesuffix('/')}{rest}"


def host_form(name: str) -> str | None:
    """A host in lower case, labels beyond ASCII as A-labels; None for what is no host."""
    if name.startswith("["):
        try:
            return f"[{IPv6Address(name[1:-1])}]" if name.endswith("]") else None
        except ValueError:
            return None
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).lower())
    if not plain or len(plain) > 253 or any(char in '/\\?#@:%<>"[]' or char.isspace() for char in plain):
        return None
    if plain.isascii():
        return plain
    # Label by label and without a mapping table: what a mapping would make equal (ß and ss) stays different.
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in plain.split(".")
    )


def address_key(text: str) -> str:
    """An e-mail address in lower case, its domain as a host; anything else with an @ equals only itself."""
    plain = text[7:] if text[:7].lower() == "mailto:" else text
    if not _ADDRESS.fullmatch(plain):
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    local, _, domain = plain.rpartition("@")
    host = host_form(domain)
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    return f"{ADDRESS}{folded}@{host}" if host is not None else unicodedata.normalize("NFC", text)


def path_key(text: str, *, collapse: bool = False) -> str:
    """A path without `.`, empty parts and a slash at the end.

    Args:
        collapse: Also take `..` away. That is right only where no link lies on the way, so it is done for what a
            trusted source wrote and never for what a call asks: `/srv/link/../x` is not proven by `/srv/x`.
    """
    plain = unicodedata.normalize("NFC", text)
    if "\\" in plain:
        return PATH + plain
    parts: list[str] = []
    for part in plain.split("/"):
        if part in {"", "."}:
            continue
        if collapse and part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif not (collapse and part == ".." and plain.startswith("/")):
            parts.append(part)
    joined = "/".join(parts)
    if plain.startswith("/"):
        return f"{PATH}/{joined}"
    if len(parts) == 1:
        return fold(joined)  # `./notes.txt` is the word notes.txt
    return PATH + joined if joined else "."


def _with_digits(word: str, plain: str) -> str | None:
    if len(plain) > _MOST_DIGITS:
        return None
    if plain[0] in "-+0123456789":
        if (number := number_form(plain)) is not None:
            return NUMBER + number
        if (date := date_form(plain)) is not None:
            return DATE + date
        if (time := time_form(plain)) is not None:
            return TIME + time
        if (moment := moment_form(plain)) is not None:
            return MOMENT + moment
        if _PHONE.fullmatch(plain):
            digits = "".join(char for char in plain if char.isdigit()).removeprefix("00")
            return f"{PHONE}+{digits}" if 7 <= len(digits) <= 15 else None
        if _JOINED_GROUPS.fullmatch(plain):
            return word_key(plain.replace("-", ""))
    elif (iban := iban_form(word)) is not None:
        return ACCOUNT + iban
    money = money_form(plain)
    return None if money is None else MONEY + money


def _plain(text: str) -> str:
    if unicodedata.is_normalized("NFKC", text):
        return text
    plain = "".join(
        char if unicodedata.decomposition(char).startswith(_LOSSY) else unicodedata.normalize("NFKC", char)
        for char in unicodedata.normalize("NFC", text)
    )
    return unicodedata.normalize("NFC", plain)


def _written(number: Decimal) -> str:
    if number == 0:
        return "0"
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _plain_escapes(text: str) -> str:
    """Unreserved characters unescaped, escapes in upper case, everything beyond ASCII escaped (RFC 3986, 6.2.2)."""
    if "%" not in text and text.isascii():
        return text

    def plain(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char.isascii() and (char.isalnum() or char in "-._~") else match[0].upper()

    unescaped = _ESCAPE.sub(plain, text)
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in unescaped
    )
