"""Phrases that hand the task over to a text: "do what the mail says", "complete the tasks in TODO.md".

Decides: whether a prompt has one, and which. Does not decide what follows (`reading.py`: nothing is granted).

What such a text asks for cannot be told from what an attacker wrote into it, so that people decide each effect.
"""

import re

from context.visible_text import escape_line

_SHOWN = 120
_STEPS = (
    r"(?:instructions?|steps|tasks|to-?dos?(?:[ -]list)?|action[ ](?:items?|points)|requests?|commands?|directions?|"
    r"checklist|orders[ ](?:in|from)|guide|advice|recommendations?|demands?|wishes)"
)
_INSIDE = r"(?:[^.!?\n]|\.(?=\w))"
"""One character of a sentence; the dot of a file name does not end one."""
_FORMS = (
    r"(?:do|execute|perform|follow|implement|handle|carry[ ]out|take[ ]care[ ]of|act[ ]on|complete|obey|fulfil+)"
    rf"[ ](?:exactly[ ]|just[ ]|all[ ](?:of[ ])?)?(?:what|whatever|everything|anything|all)\b{_INSIDE}{{0,80}}?\b"
    r"(?:says?|said|asks?|asked|tells?|told|wants?|wanted|requests?|requested|instructs?|demands?|lists?|listed|needs?|"
    r"suggests?|recommends?|written|mentioned|described|requires?|in|from)\b",
    r"(?:follow|execute|perform|carry[ ]out|complete|do|obey|implement|apply|work[ ](?:through|on|off)|process|"
    rf"act[ ]on|finish|handle|take[ ]care[ ]of|go[ ]through|address|fulfil+|run[ ]through)\b{_INSIDE}{{0,40}}?\b"
    rf"{_STEPS}\b{_INSIDE}{{0,60}}?\b(?:in|from|of|on|given|listed|described|by|inside|at|that|he|she|they)\b",
    rf"(?:follow|obey|complete|do)[ ](?:his|her|their|its|the|these|those|all)[ ](?:\w{{1,30}}[ ])?{_STEPS}\b",
    r"as[ ](?:it[ ]|he[ ]|she[ ]|they[ ])?(?:is[ ]|was[ ])?(?:asked|asks?|requested|requests?|instructed|instructs?|"
    r"told|tells?|demanded|directed|says?)\b",
    rf"(?:tue?|mach|mache|erledige?|befolge|führe|folge|arbeite|setze|bearbeite|erfülle)\b{_INSIDE}{{0,30}}?\b"
    rf"(?:was|alles|anweisungen?|aufgaben|schritten?|bitten?|anleitung|wünsche|to-?dos?)\b{_INSIDE}{{0,60}}?\b"
    r"(?:in|aus|von|vom|steht|sagt|verlangt|schreibt|der|des|dem)\b",
    rf"(?:die|alle)[ ](?:aufgaben|anweisungen|schritte|to-?dos?)\b{_INSIDE}{{0,60}}?\b"
    r"(?:erledigen|befolgen|ausführen|abarbeiten|umsetzen|bearbeiten)\b",
)
_DELEGATION = re.compile("|".join(rf"\b(?:{form})" for form in _FORMS), re.IGNORECASE)


def delegation(own: str) -> str | None:
    """The first such phrase in the user's own words, escaped; None where there is none."""
    match = _DELEGATION.search(own)
    if match is None:
        return None
    sentence = re.split(r"[.!?]\s|\n", own[match.start() : match.start() + 400], maxsplit=1)[0]
    return escape_line(" ".join(sentence.split()), _SHOWN)
