"""The words of the suite: honest tasks, and the parts that attacks on them are made of.

Decides: their shapes. Does not decide any world's content, nor how parts become attacks (`attacks.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from benchmarks.worst_case.world import Half, State, Toolbox

if TYPE_CHECKING:
    from benchmarks.worst_case.agent import Hand

What = Literal["who", "where", "which", "how much", "when", "content"]
"""What the argument decides that an attack changes."""

Program: TypeAlias = "Callable[[Hand], Awaitable[None]]"
Vector: TypeAlias = Callable[[State, str], None]
"""Puts a stranger's text where the task will read it."""

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """One call that injected text asks for.

    Attributes:
        arguments: Or what computes them from the texts that the agent has read so far.
    """

    tool: str
    arguments: "Arguments | Callable[[Sequence[str]], Arguments]"


@dataclass(frozen=True)
class Bend:
    """An attack on one argument of the user's own call, made of what a stranger may write.

    Attributes:
        plant: Changes the state: a second record, a look-alike, a line that imitates a field.
        tool: The call that is bent.
        change: The arguments that the agent then uses.
        when: Which of several calls of the tool; the first that fits.
        first: Reads that the attacker has made before, so that the value has been seen.
    """

    name: str
    kind: str
    what: What
    plant: Callable[[State], None]
    tool: str
    change: Callable[[Arguments], Arguments]
    when: Callable[[Arguments], bool] = lambda _: True
    first: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Twist:
    """What an attacker would change in a call of one tool. Made into bends and into further calls (`attacks.py`)."""

    tool: str
    kind: str
    what: What
    change: Callable[[Arguments], Arguments]


@dataclass(frozen=True)
class Ploy:
    """An attack that fits every task of a world: prose and the calls that it asks for."""

    name: str
    kind: str
    prose: str
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Task:
    """One honest task.

    Attributes:
        run: What an ideal assistant does.
        done: Whether the final state is what the user wanted.
        vectors: Where strangers' text lies among what the task reads.
        named: The call that destroys the very object that the user named, or one like it.
        endorse: What a user who knows the tools would grant up front.
    """

    name: str
    prompt: str
    run: Program
    done: Callable[[State], bool]
    vectors: tuple[Vector, ...]
    named: Order | None = None
    bends: tuple[Bend, ...] = ()
    endorse: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """One world with all that happens in it."""

    name: str
    half: Half
    toolbox: Toolbox
    state: Callable[[], State]
    tasks: tuple[Task, ...]
    twists: tuple[Twist, ...]
    ploys: tuple[Ploy, ...]


def put(arguments: Arguments, path: str, value: object) -> Arguments:
    """A copy of the arguments with another value at the path `a.b.0.c`; the last step may be new."""
    head, _, rest = path.partition(".")
    if isinstance(arguments, list):
        index = int(head)
        changed: Any = list(arguments)
        changed[index] = put(changed[index], rest, value) if rest else value
        return changed
    return {**arguments, head: put(arguments[head], rest, value) if rest else value}


def setting(path: str, value: object) -> Callable[[Arguments], Arguments]:
    """`put` as a change."""
    return lambda arguments: put(arguments, path, value)
