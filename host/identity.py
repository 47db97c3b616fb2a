"""Who runs this: the operating system's answer, for records and approvals.

Decides: the words. Does not decide what that person may do.
"""

import getpass
import os


def who_runs_this() -> str:
    """The login name, or the uid where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
