"""Who runs this: the operating system's answer, for records and approvals.

Decides: the words. Does not decide what that person may do (`people`).

Asks the user database, never the environment: with `USER=bob gatehost approvals approve …` anybody could be the
second of two people.
"""

import os
import pwd


def who_runs_this() -> str:
    """The login name, or the uid where there is none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
