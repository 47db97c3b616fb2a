"""Asks at the terminal, with everything needed to judge the calls of a turn on one card.

Decides: the conversation around a card: what is asked once more, what must be confirmed, and that an answer given
elsewhere ends the question. Does not decide how the card reads (`card`), what a key means (`keys`), nor whose answer
counts (the journal, for requests that need certain people).
"""

import contextlib
import os
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

import anyio

from context.errors import ConfigError, JournalError
from context.visible_text import escape_line, quote
from host.approvers.card import WIDTH, card, endorsements, is_shown, may_stand, prompt
from host.approvers.keys import HELP, NO, Choice, ForAll, ForEach, read
from host.identity import who_runs_this
from host.journal import Journal, StandingScope
from host.people import Person
from tool_gateway.approvals import entitled, in_words
from tool_gateway.arguments.paths import select
from tool_gateway.interface import Answered, Approval, ApprovalRequest, Parked

_POLL_SECONDS = 0.25


class TerminalApprover:
    """One card at a time; an empty line, `n` or end of input is no, a mistyped answer is asked for once more.

    Args:
        journal: Where others may answer meanwhile, where votes are counted and standing rules are kept. Without one
            there are no standing rules, and a request that needs certain people waits.
        person: Who sits here; without one the operating system's user, without a role.
    """

    def __init__(
        self,
        *,
        source: TextIO | None = None,
        write: Callable[[str], None],
        journal: Journal | None = None,
        person: Person | None = None,
    ) -> None:
        self._source = source or sys.stdin
        self._write = write
        self._journal = journal
        self._person = person or Person(who_runs_this())
        self._one_at_a_time = anyio.Lock()

    @property
    def attended(self) -> bool:
        return True

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered | Parked]:
        async with self._one_at_a_time:
            answers: list[Answered | Parked] = [Parked() for _ in requests]
            mine = [place for place, request in enumerate(requests) if self._may_answer(request)]
            for place, request in enumerate(requests):
                if place not in mine:
                    self._write(_waits(request, self._person))
            if mine:
                given = await self._ask_card([requests[place] for place in mine])
                for place, answer in zip(mine, given, strict=True):
                    answers[place] = answer
        return answers

    def _may_answer(self, request: ApprovalRequest) -> bool:
        if not request.approvers:
            return True
        if self._journal is None or not entitled(request.approvers, self._person.roles):
            return False
        # Who gave the first of two yeses cannot give the second.
        return all(vote.person != self._person.name for vote in self._journal.votes(request.approval_id))

    async def _ask_card(self, requests: list[ApprovalRequest]) -> list[Answered | Parked]:
        self._forget_typed_ahead()
        width = self._width()
        self._write(card(*requests, width=width))
        expanded, tries = False, 2
        while True:
            typed = await self._line(requests)
            if typed is None:
                return self._answered_elsewhere(requests)
            meant = read(typed, count=len(requests))
            if meant == "help":
                self._write(f"{HELP}\n{prompt(requests, expanded=expanded, width=width)}")
                continue
            if meant == "view":
                expanded = True
                self._write(card(*requests, expanded=True, width=width))
                continue
            choices = f"{quote(typed, 60)} is neither y nor n"
            if isinstance(meant, ForAll | ForEach):
                choices = self._choices(meant, requests, expanded)
            if not isinstance(choices, str):
                if await self._confirmed(choices, requests):
                    return [self._answer(each, choices.get(place, NO)) for place, each in enumerate(requests)]
                self._write(prompt(requests, expanded=expanded, width=width))
                continue
            tries -= 1
            if tries == 0:
                return [self._answer(request, Choice("no", typed)) for request in requests]
            self._write(f"  {choices}; once more, or it is denied › ")

    def _choices(
        self, meant: ForAll | ForEach, requests: Sequence[ApprovalRequest], expanded: bool
    ) -> dict[int, Choice] | str:
        """What is to become of which request, or why that cannot be. A yes reaches only what was shown."""
        shown = [place for place, request in enumerate(requests) if is_shown(request, expanded=expanded)]
        if isinstance(meant, ForEach):
            choices = {number - 1: choice for number, choice in meant.choices.items()}
        elif meant.choice.word == "no":
            choices = dict.fromkeys(range(len(requests)), meant.choice)
        elif not shown:
            return "nothing is shown yet; v shows it"
        elif meant.choice.word == "always" and len(shown) > 1:
            return "say for which call, for example 1a"
        else:
            choices = dict.fromkeys(shown, meant.choice)
        if isinstance(meant, ForAll) and meant.choice.word == "endorse" and any(map(self._endorsable, requests)):
            choices = {
                place: choice if self._endorsable(requests[place]) else Choice("yes")
                for place, choice in choices.items()
            }
        objections = (self._objection(requests[place], choice, place in shown) for place, choice in choices.items())
        return next((objection for objection in objections if objection is not None), choices)

    def _objection(self, request: ApprovalRequest, choice: Choice, is_seen: bool) -> str | None:
        ref = escape_line(str(request.ref), 200)
        if choice.word != "no" and not is_seen:
            return f"{ref} is not shown yet; v shows it"
        if choice.word == "endorse" and not self._endorsable(request):
            return f"no value of {ref} comes from a tool's result alone"
        if choice.word != "always":
            return None
        if self._journal is None or not may_stand(request):
            return f"no rule can be made for {ref}"
        absent = [path for path in choice.same if not _has(request, path)]
        return f"{ref} has no argument {quote(absent[0], 60)}" if absent else None

    def _endorsable(self, request: ApprovalRequest) -> bool:
        return bool(endorsements(request, by=self._person.name))

    async def _confirmed(self, choices: Mapping[int, Choice], requests: Sequence[ApprovalRequest]) -> bool:
        """What outlives this call is shown before it stands."""
        lines: list[str] = []
        for place, choice in choices.items():
            request = requests[place]
            if choice.word == "always":
                lines.append(f"  a rule for good: {rule_sentence(request, choice.same)}")
            elif choice.word == "endorse":
                lines.extend(
                    f"  for the rest of this run, results of {grant.source} may decide {grant.argument} of {grant.ref}"
                    for grant in endorsements(request, by=self._person.name)
                )
        if not lines:
            return True
        self._forget_typed_ahead()
        self._write("\n".join([*map(escape_line, lines), "  [y] yes, and allow   (anything else goes back) › "]))
        typed = await self._line(requests)
        return typed is not None and read(typed, count=0) == ForAll(Choice("yes"))

    def _answer(self, request: ApprovalRequest, choice: Choice) -> Answered | Parked:
        by, roles = f"terminal:{self._person.name}", self._person.roles
        granted = choice.word != "no"
        grants = endorsements(request, by=self._person.name) if choice.word == "endorse" else ()
        plain = Answered(granted, by=by, note=choice.note, roles=roles, grants=grants)
        if self._journal is None or not (request.approvers or choice.word == "always"):
            return plain
        # Counted where all votes are, and in one step with the rule that it becomes.
        scope = StandingScope(choice.same or None) if choice.word == "always" else None
        try:
            done = self._journal.answer(
                request.approval_id,
                granted=granted,
                by=by,
                roles=roles,
                note=choice.note,
                always=scope,
                grants=grants,
            )
        except ConfigError as error:
            self._write(f"  {escape_line(error.sentence())}")
            return self._as_it_stands(request) or Parked()
        if done.approval.status == "pending":
            self._write(_still_needs(request, done.wanting))
            return Parked()
        if done.rule is None:
            return plain
        self._write(f"  {done.rule.rule.rule_id} stands; `gatehost approvals revoke {done.rule.rule.rule_id}` ends it")
        return Answered(granted, by=by, note=choice.note, roles=roles, standing=done.rule.rule.rule_id)

    def _answered_elsewhere(self, requests: Sequence[ApprovalRequest]) -> list[Answered | Parked]:
        answers: list[Answered | Parked] = []
        for request in requests:
            answer = self._as_it_stands(request) or Parked()
            if isinstance(answer, Answered):
                word = "approved" if answer.granted else "denied"
                self._write(f"\n  {request.ref} was {word} elsewhere, by {escape_line(answer.by, 100)}")
            answers.append(answer)
        return answers

    def _as_it_stands(self, request: ApprovalRequest) -> Answered | None:
        """The answer that the journal has; None while there is none."""
        approval = self._stored(request)
        if approval is None or approval.status == "pending":
            return None
        if approval.status == "expired":
            return Answered(False, by="nobody", note="nobody answered in time")
        return Answered(approval.status != "denied", by=approval.by or "nobody", note=approval.note)

    def _stored(self, request: ApprovalRequest) -> Approval | None:
        if self._journal is None:
            return None
        try:
            return self._journal.find_approval(request.approval_id)
        except (ConfigError, JournalError):
            return None  # the gateway's next step says what is wrong with the journal

    async def _line(self, requests: Sequence[ApprovalRequest]) -> str | None:
        """What is typed; None when every question was answered elsewhere, or has expired, meanwhile."""
        if self._journal is None:
            return (await self._read_line()).strip()
        typed: str | None = None
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while True:
                    if all(self._as_it_stands(request) is not None for request in requests):
                        tasks.cancel_scope.cancel()
                        return
                    await anyio.sleep(_POLL_SECONDS)

            tasks.start_soon(watch)
            typed = (await self._read_line()).strip()
            tasks.cancel_scope.cancel()
        return typed

    async def _read_line(self) -> str:
        # Waiting on the descriptor keeps Ctrl-C and deadlines alive; a plain file is always readable.
        with contextlib.suppress(OSError, ValueError):
            await anyio.wait_readable(self._source.fileno())
        try:
            return self._source.readline()
        except UnicodeError:
            return "\ufffd"  # no text, so no yes

    def _width(self) -> int:
        """Of the terminal that is typed at: a line that it would break by itself could begin with foreign text."""
        with contextlib.suppress(OSError, ValueError):
            return min(WIDTH, os.get_terminal_size(self._source.fileno()).columns or WIDTH)
        return WIDTH

    def _forget_typed_ahead(self) -> None:
        """Keys that were hit before the question stood there answer another one."""
        with contextlib.suppress(OSError, ValueError, termios.error):
            termios.tcflush(self._source.fileno(), termios.TCIFLUSH)


def rule_sentence(request: ApprovalRequest, same: Sequence[str]) -> str:
    """What a rule for good would let through."""
    ref, agent = escape_line(str(request.ref), 200), escape_line(request.agent, 60)
    scope = f"with the same {', '.join(map(quote, same))} and any others" if same else "with exactly these arguments"
    return (
        f"agent {agent} may call {ref} {scope}, as long as the tool stays as it was accepted, and only where "
        f"nothing else asks than {', '.join(escape_line(rule, 100) for rule in request.rules)}"
    )


def _has(request: ApprovalRequest, path: str) -> bool:
    try:
        return bool(select(path, request.arguments))
    except ValueError:
        return False


def _waits(request: ApprovalRequest, person: Person) -> str:
    is_one = entitled(request.approvers, person.roles)
    why = f"{person.name} cannot give another yes" if is_one else f"{person.name} is none of them"
    return (
        f"\n  {request.ref} waits for {escape_line(in_words(request.approvers), 300)} ({why}): "
        f"gatehost approvals approve {request.approval_id}"
    )


def _still_needs(request: ApprovalRequest, wanting: Sequence[str]) -> str:
    return (
        f"  counted; {request.ref} still needs {escape_line('; also '.join(wanting), 300)}: "
        f"gatehost approvals approve {request.approval_id}"
    )
