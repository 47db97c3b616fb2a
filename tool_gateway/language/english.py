"""The English vocabulary.

Decides: which words there are and what they mean. Does not decide what a sentence asks for (`clauses.py`).
"""

from collections.abc import Iterator

from tool_gateway.language.vocabulary import (
    Language,
    Preposition,
    Reading,
    Verb,
    bag,
    by_form,
    english_forms,
    plural,
    table,
)

# deeds [> objects named by the verb itself]: verbs; `*` marks those that are nouns as often.
_VERBS = """
read: read find search look list* show display get fetch check view see count summarise summarize compare explain
read: describe analyse analyze extract identify determine calculate compute inspect examine retrieve browse translate
read: say mean owe think forget remember
read: review* collect gather scan locate verify recommend suggest query* highlight watch monitor track* figure know
read: understand outline name* give~me take hear let help need want consider use
send: send dispatch deliver
tell: tell inform notify alert warn brief ask thank congratulate greet apologise apologize
send > mail: email* mail* e-mail*
send > message: message* dm* text* ping*
reply > mail message: reply* respond answer*
forward > mail message: forward redirect relay
draft: draft* compose
write: write jot scribble
post: post* publish announce tweet* broadcast
request: request* claim*
tell create: complain
create: create make generate prepare set-up register establish build
create add write > note: note*
add create: add insert enter include
open: open
schedule: schedule* plan* arrange organise organize
book: book* reserve
schedule ban: block*
schedule: pencil*
invite > participant: invite*
remind: remind
update: update* change* modify edit adjust correct fix amend increase decrease raise lower extend shorten
update: patch transition advance promote extend
update: mend repair revise rewrite reword tweak adapt refresh switch* bump* alter substitute
overwrite update: replace
set: set*
put: put
do: do perform carry place
submit: submit
mark: mark* flag* star* label* tag* pin*
reschedule > event: reschedule postpone delay*
reschedule move: shift*
rename: rename
move: move* relocate sort* tuck bring
submit move: file*
send give: hand* pass*
mark: tick cross categorise categorize classify
update set: fill
create: draw
write: type*
tell: reach
copy: copy* duplicate* clone*
save: save store*
append: append
download: download*
upload: upload*
attach: attach
share: share*
grant: grant* allow
give: give
assign: assign
archive: archive*
delete: delete erase wipe destroy trash* purge discard unlink drop*
remove: remove
clear: clear empty
cancel: cancel
revoke: revoke
end: terminate uninstall unsubscribe deactivate disable
close: close
reset: reset*
overwrite: overwrite
ban: kick ban*
freeze: freeze lock*
unfreeze: unfreeze unlock unblock
upgrade update: upgrade* downgrade*
book update reschedule: rebook re-book
book: hire rent*
pay: prepay
redeem: redeem
pay: pay transfer* wire* remit settle donate tip* deposit*
refund: refund* reimburse repay
buy: buy purchase* order* checkout
subscribe: subscribe
renew: renew
return: return*
exchange: exchange* swap*
approve: approve
decline: decline reject
accept: accept
confirm: confirm
merge: merge*
commit: commit*
push: push*
pull: pull*
release: release*
deploy: deploy
run: run* execute
start: start* launch* trigger* restart
stop: stop* pause*
install: install
activate: activate enable
join: join
leave: leave*
follow: follow
unfollow: unfollow
react: react like*
comment: comment*
vote: vote*
rate: rate*
complete: complete finish resolve
reopen: reopen
print: print*
log create add: log* record* report* document* capture*
"""

_PHRASES = """
set up: create schedule
call off: cancel
get rid: delete
throw away: delete
throw out: delete
put off: reschedule
take out: remove
take off: remove
pay back: pay refund
write back: reply
get back: reply
get into: add put
get in: add put
let know: tell
drop line: tell
get touch: tell
reach out: tell
pass on: forward send tell
pass along: forward send tell
hand over: send share assign
ask for: request tell
check out: buy
hand on: forward send
send on: forward send
send along: forward send
send back: refund return
give back: give refund return
write down: add create write
jot down: add create write
note down: add create write
put down: add create write
fill in: update set
draw up: create write
put together: create write
type up: create write
push back: reschedule
bring forward: reschedule
move up: reschedule move
move forward: reschedule move
tick off: mark complete
cross off: mark complete remove
sign up: register subscribe
swap out: update
sort into: move
"""

_IRREGULAR = {
    lemma: (past, participle)
    for lemma, past, participle in (
        line.split("/")
        for line in [
            "send/sent/sent",
            "pay/paid/paid",
            "write/wrote/written",
            "make/made/made",
            "buy/bought/bought",
            "put/put/put",
            "set/set/set",
            "get/got/got",
            "give/gave/given",
            "find/found/found",
            "tell/told/told",
            "read/read/read",
            "see/saw/seen",
            "take/took/taken",
            "repay/repaid/repaid",
            "overwrite/overwrote/overwritten",
            "leave/left/left",
            "run/ran/run",
            "do/did/done",
            "know/knew/known",
            "understand/understood/understood",
            "let/let/let",
            "think/thought/thought",
            "forget/forgot/forgotten",
            "reset/reset/reset",
            "rewrite/rewrote/rewritten",
            "build/built/built",
        ]
    )
}

_NOUNS = """
mail: mail email e-mail inbox newsletter letter correspondence
message: message chat dm sms slack question history direct~message text~message whatsapp
standingorder: standing~order
event: event meeting appointment calendar session lunch dinner breakfast interview standup workshop
event: call sync kickoff kick-off retro retrospective demo webinar training conference gathering checkup check-up
event: catch-up videocall diary
file: file document doc pdf spreadsheet attachment paper presentation scan slide deck csv
folder: folder directory drive
invoice: invoice bill receipt
letter: offer quote quotation estimate proposal confirmation enquiry inquiry announcement invitation request
transaction: transaction payment transfer direct~debit remittance instalment installment
money: money funds cash
account: account iban
contact: contact address~book addressbook
user: user
employee: employee colleague coworker staff
member: member
customer: customer client
payee: payee beneficiary
order: order
purchase: purchase
refund: refund
return: return
product: product item article
cart: cart basket
issue: issue ticket bug jira
task: task todo to-do
reminder: reminder
branch: branch
commit: commit
repository: repository repo
pullrequest: pull~request merge~request pr
reservation: reservation booking
hotel: hotel
flight: flight
restaurant: restaurant
room: room
channel: channel
topic: topic
permission: permission access
copy: copy duplicate
deal: deal opportunity lead
note: note memo
page: page website site webpage wiki notion
section: section heading chapter paragraph
link: link url
subscription: subscription
review: review
comment: comment
reply: reply answer
label: label tag
participant: participant attendee guest invitee
draft: draft
post: post tweet
image: image photo picture
project: project
profile: profile
password: password
thread: thread conversation discussion
parcel: parcel package shipment delivery
"""

_ALSO = """
review: event
chat: event
visit: event
party: event
slot: event
check: event
talk: event
presentation: event
conversation: message
discussion: message
thread: message
comment: message
post: message
reply: message mail
letter: mail
offer: mail message file
quote: mail message file
quotation: mail message file
estimate: mail message file
proposal: mail message file
confirmation: mail message file
enquiry: mail message
inquiry: mail message
request: mail message
question: mail thread
announcement: mail message
invitation: mail event
invoice: mail file
bill: mail file
receipt: mail file
contract: mail file
draft: file mail
image: file
photo: file
picture: file
logo: file
note: file
report: file page
minutes: file page note
agenda: file page note
list: file page note
summary: file page note
wiki: page
standing~order: transaction
flight: reservation
hotel: reservation
room: reservation
restaurant: reservation
table: reservation
stay: reservation
trip: reservation
ticket: mail reservation
topic: channel
direct~message: user
dm: user
"""

_ROLES = """
address: address e-mail~address
who: recipient sender author participant attendee guest invitee member everyone everybody people person reporter
who: someone somebody writer
who: organiser organizer
account: account iban
payee: payee beneficiary
amount: amount total sum price cost balance fee
when: date day deadline time slot
url: link url
identifier: number reference id code
phone: phone
path: folder path filename
all: details data information info
"""

_PREPOSITIONS: dict[str, Preposition] = {
    "about": "about", "regarding": "about", "concerning": "about", "re": "about", "titled": "about",
    "called": "about", "named": "about", "saying": "about", "entitled": "about", "mentioning": "about",
    "from": "from", "off": "from", "out": "from",
    "in": "in", "into": "in", "inside": "in", "within": "in",
    "to": "to", "onto": "to", "toward": "to", "towards": "to",
    "with": "with", "of": "of", "on": "on", "for": "for", "by": "by", "at": "at", "as": "as", "via": "via",
    "through": "via", "before": "on", "after": "on", "between": "on", "dated": "on", "until": "on", "during": "on",
    "over": "for", "under": "on", "below": "on", "above": "on", "near": "at", "against": "for", "since": "on",
    "except": "as", "excluding": "as", "using": "per", "per": "per", "according": "per",
}  # fmt: skip

_DETERMINERS = bag(
    "the a an my our your his her its their this that these those all any some every each both no another other "
    "one two three four five"
)
_AUXILIARIES = bag(
    "is are was were be been being am do does did done have has had can could would will should shall may might must "
    "isn aren wasn weren don doesn didn haven hasn hadn couldn wouldn won shouldn t s d ll ve re m cannot"
)
_QUESTIONS = bag(
    "what which who whom whose when where why how is are was were am do does did have has had can could would will "
    "should shall may might what's who's where's how's any anything"
)


def _verbs() -> Iterator[tuple[str, Reading]]:
    for head, words in table(_VERBS):
        deeds, _, nouns = head.partition(">")
        for word in words:
            if " " in word:
                continue
            verb = Verb(word.rstrip("*"), frozenset(deeds.split()), frozenset(nouns.split()), word.endswith("*"))
            for form, kind in english_forms(verb.lemma, _IRREGULAR):
                yield form, Reading(verb, kind)
                if kind == "participle" and verb.lemma not in _IRREGULAR:
                    yield form, Reading(verb, "finite")
    for form, lemma in (("cancelled", "cancel"), ("labelled", "label"), ("labeled", "label")):
        yield form, Reading(Verb(lemma, frozenset({"cancel" if lemma == "cancel" else "mark"})), "participle")
    yield "cancelling", Reading(Verb("cancel", frozenset({"cancel"})), "ing")


def _nouns() -> dict[str, str]:
    return {form: noun for noun, words in table(_NOUNS) for word in words for form in (word, plural(word))}


def _also() -> dict[str, frozenset[str]]:
    return {form: frozenset(more) for word, more in table(_ALSO) for form in _both(word.replace("~", " "))}


def _both(word: str) -> tuple[str, str]:
    return word, plural(word)


def _roles() -> dict[str, str]:
    return {form: role for role, words in table(_ROLES) for word in words for form in (word, plural(word))}


def _phrases() -> dict[tuple[str, str], Verb]:
    found: dict[tuple[str, str], Verb] = {}
    for head, deeds in table(_PHRASES):
        verb, particle = head.split()
        found[verb, particle] = Verb(head, frozenset(deeds))
    return found


ENGLISH = Language(
    code="en",
    verbs=by_form(_verbs()),
    phrases=_phrases(),
    nouns=_nouns(),
    also=_also(),
    suffixes=False,
    function=_DETERMINERS
    | _AUXILIARIES
    | frozenset(_PREPOSITIONS)
    | bag(
        "i you he she it we they me him us them myself and or but if then than so not please there here back what "
        "whatever"
    )
    | bag(
        "i'm i've i'll i'd you're you've you'll you'd he's she's we're we've we'll they're they've it's that's let's"
    ),
    prepositions=_PREPOSITIONS,
    determiners=_DETERMINERS,
    things=bag("it them this that these those one ones"),
    persons=bag("her him them he she they"),
    adverbs=bag(
        "please also then now just kindly quickly immediately first finally next afterwards afterward always simply "
        "already again still directly automatically only really maybe perhaps additionally lastly secondly so "
        "hi hello hey ok okay thanks dear today tomorrow actually instead later too"
    ),
    negators=bag(
        "not never without avoid avoiding refrain instead rather nothing none nobody neither nor no cannot dont don't "
        "won't can't shouldn't mustn't doesn't didn't needn't wouldn't couldn't"
    ),
    unnegators=bag("forget hesitate fail only miss forgetting"),
    narrowers=bag("other others else another further again additional more"),
    questions=_QUESTIONS,
    coordinators=bag("and or but then nor plus"),
    joiners=bag("or nor and"),
    relatives=bag("that which who whom whose where when if because while whether how what why"),
    reporters=bag(
        "say says said saying write writes wrote ask asks asked asking tell tells told reads state states stated "
        "stating request requests requested wants wanted"
    ),
    proposers=bag(
        "suggest suggests suggested propose proposes proposed offer offers offered recommend recommends recommended "
        "mention mentions mentioned report reports reported want wants give gives gave confirm confirms confirmed "
        "invites invited name names named announce announces announced mean means meant need needs"
    ),
    ranks=bag(
        "first second third last latest newest oldest most recent next previous largest biggest smallest cheapest "
        "highest lowest longest shortest earliest unread"
    ),
    days=bag(
        "today tomorrow tonight yesterday monday tuesday wednesday thursday friday saturday sunday january february "
        "march april june july august september october november december week month weekend noon midnight "
        "morning afternoon evening"
    ),
    roles=_roles(),
)
