"""Servers without a package: a program of the runtime image, or one whose files the operator mounted.

Decides: nothing but the shape; there is nothing to lock.
"""

from collections.abc import Sequence

from context.errors import ConfigError
from sandboxes.interface import Program


def command_program(command: Sequence[str], *, args: Sequence[str] = ()) -> Program:
    """The program that `command = [...]` and `args` name, as seen inside the sandbox.

    Raises:
        ConfigError: it is empty.
    """
    if not command or not command[0]:
        raise ConfigError("`command` is empty", next_step='Write for example `command = ["python3", "/srv/server.py"]`')
    return Program(argv=(*command, *args))
