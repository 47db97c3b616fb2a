"""Where this program keeps its state: one folder, and the places inside it.

Decides: which folder (`GATEHOST_HOME`, else the XDG state folder), its mode, and the names inside. Does
not decide what stands in any of them: `journal`, `record` and `sandboxes` do.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from context.errors import ConfigError
from sandboxes.interface import SandboxHome


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder. Nothing is made before `prepare`."""

    folder: Path

    @property
    def journal(self) -> Path:
        """The SQLite file with runs, messages, calls, approvals and events."""
        return self.folder / "journal.db"

    @property
    def record(self) -> Path:
        """The folder of the decision record's segments."""
        return self.folder / "record"

    @property
    def servers(self) -> Path:
        """Unpacked server packages."""
        return self.folder / "servers"

    def sandbox_home(self) -> SandboxHome:
        """The same folder as `sandboxes` knows it."""
        return SandboxHome(self.folder)

    def prepare(self) -> "Home":
        """Make the folder (mode 0700) when it is missing, and see that it can be written.

        An existing folder keeps its mode; the files made inside are private by themselves.

        Raises:
            ConfigError: it is a file, cannot be made, or cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise _unusable(self.folder, "is a file, or lies below one") from error
        except OSError as error:
            raise _unusable(self.folder, f"cannot be made: {error.strerror}") from error
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise _unusable(self.folder, "cannot be written by this user")
        return self


def find_home(environ: Mapping[str, str] = os.environ) -> Home:
    """The state folder of this user.

    `GATEHOST_HOME` overrides all. Else `$XDG_STATE_HOME/gatehost`; the XDG Base Directory Specification
    says that a relative value there is to be ignored, and that the default is `~/.local/state`.

    Raises:
        ConfigError: nothing names a folder, because the user has no home directory.
    """
    named = environ.get("GATEHOST_HOME", "").strip()
    try:
        if named:
            return Home(Path(named).expanduser().absolute())
        state = environ.get("XDG_STATE_HOME", "").strip()
        if state and Path(state).is_absolute():
            return Home(Path(state) / "gatehost")
        own = environ.get("HOME", "").strip()
        base = Path(own) if own and Path(own).is_absolute() else Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home directory", where="state folder", next_step="Set GATEHOST_HOME to a folder"
        ) from error
    return Home(base / ".local" / "state" / "gatehost")


def _unusable(folder: Path, what: str) -> ConfigError:
    return ConfigError(
        what, where=f"state folder {folder}", next_step="Set GATEHOST_HOME to a folder that can be written"
    )
