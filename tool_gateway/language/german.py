"""The German vocabulary.

Decides: which words there are and what they mean. Does not decide what a sentence asks for (`clauses.py`).
"""

from collections.abc import Iterator

from tool_gateway.language.vocabulary import Form, Language, Preposition, Reading, Verb, bag, by_form, table

# deeds [> objects]: infinitives; a separable prefix is set off by `|`; an irregular participle, and an irregular
# imperative, follow after `/`.
_VERBS = """
read: lesen/gelesen/lies finden/gefunden suchen zeigen prüfen/geprüft zählen vergleichen/verglichen erklären/erklärt
read: nennen/genannt sagen schauen an|zeigen zusammen|fassen auf|listen
read: heraus|finden/herausgefunden nach|sehen/nachgesehen/sieh
read: beschreiben/beschrieben ermitteln/ermittelt berechnen/berechnet übersetzen/übersetzt durch|suchen holen
give: geben/gegeben/gib
refund return: zurück|geben/zurückgegeben/gib
return refund: zurück|schicken zurück|senden/zurückgesendet
send: senden/gesendet schicken zu|senden/zugesendet zu|schicken versenden/versendet verschicken/verschickt ab|schicken
send > mail: mailen/gemailt
tell: informieren/informiert benachrichtigen/benachrichtigt mit|teilen fragen bitten/gebeten danken
tell: gratulieren/gratuliert
tell: verständigen/verständigt unterrichten/unterrichtet an|kündigen
forward send: weiter|geben/weitergegeben/gib weiter|schicken weiter|senden/weitergesendet
reply > mail message: antworten/geantwortet beantworten/beantwortet zurück|schreiben/zurückgeschrieben
forward > mail message: weiter|leiten
draft: entwerfen/entworfen/entwirf
write add create: notieren/notiert vermerken/vermerkt fest|halten/festgehalten auf|schreiben/aufgeschrieben
write: schreiben/geschrieben verfassen/verfasst
post put: stellen
post: posten/gepostet veröffentlichen/veröffentlicht
create: erstellen/erstellt an|legen erzeugen/erzeugt ein|richten machen
add create: hinzu|fügen ein|fügen ein|tragen/eingetragen auf|nehmen/aufgenommen/nimm
open: öffnen/geöffnet
schedule ban: blockieren/blockiert blocken/geblockt
schedule add: vor|merken
schedule: planen vereinbaren/vereinbart an|setzen
book: buchen reservieren/reserviert
invite > participant: ein|laden/eingeladen
remind: erinnern/erinnert
update: ändern/geändert aktualisieren/aktualisiert bearbeiten/bearbeitet an|passen
update: verbessern/verbessert berichtigen/berichtigt um|schreiben/umgeschrieben aus|tauschen aus|bessern
update: erneuern/erneuert
update: erhöhen/erhöht senken hoch|setzen herunter|setzen
update: korrigieren/korrigiert verlängern/verlängert
set: setzen fest|legen
mark: markieren/markiert
reschedule > event: verlegen/verlegt
reschedule move: verschieben/verschoben
rename: um|benennen/umbenannt
move: bewegen/bewegt ein|sortieren/einsortiert um|ziehen/umgezogen
move put: räumen ein|räumen legen packen schieben/geschoben tun/getan
copy: kopieren/kopiert
save: speichern/gespeichert ab|legen ab|speichern
append add: an|hängen ergänzen/ergänzt an|fügen
upload: hoch|laden/hochgeladen
download: herunter|laden/heruntergeladen
share: teilen frei|geben/freigegeben/gib
assign: zu|weisen/zugewiesen
archive: archivieren/archiviert
delete: löschen vernichten/vernichtet
remove: entfernen/entfernt
clear: leeren
cancel: stornieren/storniert ab|sagen
revoke: widerrufen/widerrufen
end: kündigen beenden/beendet deinstallieren/deinstalliert
overwrite: überschreiben/überschrieben
overwrite update: ersetzen/ersetzt
ban freeze: sperren
freeze: ein|frieren/eingefroren
unfreeze: entsperren/entsperrt
book: mieten an|mieten
book update reschedule: um|buchen/umgebucht
exchange: um|tauschen
close: schließen/geschlossen
pay: spenden/gespendet
pay: zahlen bezahlen/bezahlt überweisen/überwiesen begleichen/beglichen
refund: erstatten/erstattet zurück|zahlen zurück|erstatten/zurückerstattet
buy: kaufen bestellen/bestellt ein|kaufen
confirm: bestätigen/bestätigt
accept: an|nehmen/angenommen/nimm
decline: ab|lehnen
confirm accept tell: zu|sagen
complete: erledigen/erledigt ab|schließen/abgeschlossen
run: aus|führen
start: starten/gestartet
commit: committen/committet
push: pushen/gepusht
merge: mergen/gemergt
"""

_NOUNS = """
mail: mail mails e-mail e-mails email emails posteingang postfach brief newsletter
message: nachricht nachrichten chat chats frage fragen direktnachricht direktnachrichten
event: termin termine kalender besprechung besprechungen treffen meeting meetings sitzung sitzungen ereignis mittagessen
event: telefonat telefonate verabredung gespräch gespräche
file: datei dateien dokument dokumente anhang anhänge bericht berichte tabelle scan scans
folder: ordner verzeichnis laufwerk
letter: angebot angebote kostenvoranschlag bestätigung bestätigungen anfrage anfragen einladung einladungen vorschlag
invoice: rechnung rechnungen beleg belege
standingorder: dauerauftrag daueraufträge
transaction: lastschrift rate
transaction: zahlung zahlungen überweisung überweisungen transaktion transaktionen
money: geld betrag
account: konto konten
contact: kontakt kontakte adressbuch
user: benutzer nutzer
employee: mitarbeiter kollege kollegen kollegin
member: mitglied mitglieder
customer: kunde kunden kundin
payee: empfängerkonto zahlungsempfänger
order: bestellung bestellungen auftrag
product: produkt produkte artikel
cart: warenkorb einkaufswagen
issue: fahrkarte fahrkarten fahrschein ticket tickets fehlerbericht issue issues
task: aufgabe aufgaben
reminder: erinnerung erinnerungen
branch: branch branches zweig
commit: commit commits
repository: repository repo
reservation: reservierung reservierungen buchung buchungen
hotel: hotel hotels
flight: flug flüge
permission: zugriff zugang
copy: kopie kopien
restaurant: restaurant restaurants
room: zimmer raum
channel: kanal kanäle channel
topic: thema
section: abschnitt überschrift kapitel absatz
thread: unterhaltung diskussion
note: notiz notizen
page: seite seiten webseite wiki wikiseite
link: link links
subscription: abo abonnement
comment: kommentar kommentare
participant: teilnehmer teilnehmerin teilnehmern gäste
draft: entwurf entwürfe
"""

_ALSO = """
dauerauftrag: transaction
daueraufträge: transaction
flug: reservation
hotel: reservation
zimmer: reservation
aufenthalt: reservation
reise: reservation
entwurf: file mail
entwürfe: file mail
bericht: page
angebot: mail message file
angebote: mail message file
kostenvoranschlag: mail message file
bestätigung: mail message file
anfrage: mail message
vorschlag: mail message
einladung: mail event
rechnung: mail file
beleg: mail file
frage: mail thread
unterhaltung: message
diskussion: message
thema: channel
gespräch: message
direktnachricht: user
protokoll: file page note
liste: file page note
"""

_ROLES = """
address: adresse adressen mailadresse
who: empfänger absender absenderin teilnehmer teilnehmern alle autor person
account: konto kontonummer iban
payee: zahlungsempfänger
amount: betrag summe preis kosten gesamtbetrag
when: datum tag frist uhrzeit zeit zeitpunkt
url: link url
identifier: nummer referenz verwendungszweck kennung
phone: telefonnummer
path: ordner pfad dateiname
all: angaben daten details
"""

_PREPOSITIONS: dict[str, Preposition] = {
    "über": "about", "bezüglich": "about", "wegen": "about", "betreffs": "about", "zum": "about", "zur": "about",
    "namens": "about", "betreff": "about",
    "von": "from", "vom": "from", "aus": "from",
    "in": "in", "im": "in", "ins": "in",
    "an": "to", "ans": "to", "zu": "to", "nach": "to", "auf": "in",
    "mit": "with", "für": "for", "durch": "by", "bei": "at", "beim": "at", "um": "at", "am": "on", "vor": "on",
    "bis": "on", "als": "as", "per": "via", "via": "via", "laut": "per", "gemäß": "per", "der": "of", "des": "of",
}  # fmt: skip

_DETERMINERS = bag(
    "der die das den dem des ein eine einen einem einer eines mein meine meinen meinem meiner unser unsere unseren "
    "dein deine ihr ihre ihren ihrem ihrer ihres seiner seines seinem seinen meines unserem unseres "
    "deiner deinem deinen euer eure euren sein seine "
    "diese dieser dieses diesen diesem alle allen jede jeden jedes kein "
    "keine keinen keiner beide"
)
_AUXILIARIES = bag(
    "ist sind war waren sein bin bist hat haben habe hatte hast wird werden würde würden soll sollen sollte sollst "
    "muss müssen musst kann können kannst könntest könnten darf dürfen will wollen möchte möchten magst"
)


def _verbs() -> Iterator[tuple[str, Reading]]:
    for head, words in table(_VERBS):
        deeds, _, nouns = head.partition(">")
        for word in words:
            written, *irregular = word.split("/")
            prefix, _, stem = written.rpartition("|")
            verb = Verb(prefix + stem, frozenset(deeds.split()), frozenset(nouns.split()))
            for form, kind in _forms(prefix, stem, irregular):
                yield form, Reading(verb, kind)
            for form in _imperatives(stem, irregular):
                yield form, Reading(verb, "base", particle=prefix or None)


def _forms(prefix: str, stem: str, irregular: list[str]) -> Iterator[tuple[str, Form]]:
    yield prefix + stem, "base"
    if prefix:
        yield f"{prefix}zu{stem}", "to"
    root = stem.removesuffix("en") if stem.endswith("en") else stem.removesuffix("n")
    regular = f"{prefix}ge{root}{'e' if root.endswith(('t', 'd')) else ''}t"
    yield irregular[0] if irregular else regular, "participle"


def _imperatives(stem: str, irregular: list[str]) -> Iterator[str]:
    root = stem.removesuffix("en") if stem.endswith("en") else stem.removesuffix("n")
    if len(irregular) > 1:
        yield irregular[1]
    else:
        yield root
        yield root + "e"
    yield stem  # the polite form: "senden Sie"


def _phrases() -> dict[tuple[str, str], Verb]:
    return {(verb, "bescheid"): Verb(f"bescheid {verb}", frozenset({"tell"})) for verb in ("sagen", "geben")}


ENGLISH_LOANS = frozenset({"bitte", "danke"})

GERMAN = Language(
    code="de",
    verbs=by_form(_verbs()),
    phrases=_phrases(),
    nouns={form: noun for noun, words in table(_NOUNS) for form in words},
    also={word: frozenset(more) for word, more in table(_ALSO)},
    suffixes=True,
    function=_DETERMINERS
    | _AUXILIARIES
    | frozenset(_PREPOSITIONS)
    | bag(
        "ich du er sie es wir mich mir dich dir ihn ihm uns euch und oder aber wenn dann nicht bitte dass was "
        "wann wo wie ob"
    ),
    prepositions=_PREPOSITIONS,
    determiners=_DETERMINERS,
    things=bag("es sie ihn diese dieses diesen das"),
    persons=bag("ihr ihm ihn ihnen"),
    adverbs=bag(
        "bitte auch dann jetzt nun mal kurz sofort zuerst danach anschließend außerdem noch schließlich einfach gleich "
        "hallo hi doch heute morgen ab hinzu hoch herunter zurück weiter zusammen frei heraus"
    ),
    negators=bag("nicht nie niemals ohne kein keine keinen keiner keines anstatt statt weder noch nichts"),
    unnegators=bag("vergiss vergessen nur zögere"),
    narrowers=bag("andere anderen anderes weitere weiteren sonst"),
    questions=bag(
        "was wer wen wem wann wo warum wie wieviel wieviele welche welcher welches welchen ist sind war hat habe haben "
        "gibt gab wurde wird werden muss soll kann kannst könntest können könnten darf würdest"
    ),
    coordinators=bag("und oder aber sondern dann"),
    joiners=bag("und oder noch"),
    relatives=bag(
        "dass wenn falls ob weil wie was wer wann wo warum welche welcher welches bevor nachdem während damit"
    ),
    reporters=bag("sagt sagte schreibt schrieb bittet bat fragt fragte verlangt lautet steht"),
    proposers=bag(
        "schlägt vorschlägt vorgeschlagen nennt genannt angibt gemeldet meldete meldet möchte will anbietet angeboten "
        "bestätigt erwähnt erwähnte gemailt geschickt schickt schickte mailte geschrieben gefragt gebeten eingeladen"
    ),
    ranks=bag(
        "erste ersten letzte letzten neueste neuesten älteste ältesten nächste nächsten größte größten kleinste "
        "kleinsten billigste billigsten teuerste günstigste günstigsten"
    ),
    days=bag(
        "heute morgen gestern übermorgen montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar "
        "märz april mai juni juli august september oktober november dezember woche monat mittag "
        "vormittag nachmittag abend"
    ),
    roles={form: role for role, words in table(_ROLES) for form in words},
)
