"""The environment inside a sandbox: what is declared, and the least that programs need to run.

Decides: every variable a server sees. Does not hand any variable of the host through.
"""

from sandboxes.interface import SandboxSpec

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def inner_env(spec: SandboxSpec, *, own_path: bool = False) -> dict[str, str]:
    """Fixed values first, then git's trust in the declared mounts, the program's values, the operator's.

    git refuses a repository of another uid ("dubious ownership"); inside the walls a declared mount is
    exactly what may be used, so each is named (https://git-scm.com/docs/git-config, safe.directory).

    Args:
        own_path: The image brings its own PATH, which stays.
    """
    env = {
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    if not own_path:
        env["PATH"] = PATH
    trusted = [place for mount in spec.mounts for place in (mount.at, mount.at.rstrip("/") + "/*")]
    if trusted:
        env["GIT_CONFIG_COUNT"] = str(len(trusted))
        for index, place in enumerate(trusted):
            env[f"GIT_CONFIG_KEY_{index}"] = "safe.directory"
            env[f"GIT_CONFIG_VALUE_{index}"] = place
    return {**env, **spec.program.env, **spec.env}
