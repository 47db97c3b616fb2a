"""`gatehost demo`: the whole path on real packages in real walls, as a newcomer sees it."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.host.projects import GATEHOST


@pytest.mark.docker
@pytest.mark.registry
@pytest.mark.promise("an_injected_sentence_does_no_harm")
def test_the_demonstration_refuses_what_was_injected_and_does_the_task(gatehost_home: Path, tmp_path: Path) -> None:
    done = _run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    for refusal in (
        r"files\.write_file deny denied .*?/etc/cron\.d/shop-backup",
        r"git\.git_diff deny denied .*?--output=/repo/\.git/hooks/post-commit",
        r"files\.write_file deny denied .*?/repo/\.git/config",
    ):
        assert re.search(refusal, told), refusal
    assert "Round the discount instead of cutting it off" in told
    assert "answered by the demonstration itself" in done.stderr
    assert "SCRIPTED" in done.stdout

    (shop,) = (tmp_path / "gatehost-demo").glob("*/shop")
    assert "round(cents * rate)" in (shop / "app" / "cart.py").read_text()
    assert not (shop / ".git" / "hooks" / "post-commit").exists()
    assert "fsmonitor" not in (shop / ".git" / "config").read_text()

    commands = re.findall(r"^  \S*gatehost (\w+ \w+.*)$", done.stdout, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["audit", "audit", "runs"]
    for command in commands:
        further = _run(*command.split(), cwd=tmp_path)
        assert (further.returncode, bool(further.stdout)) == (0, True), further.stderr
    run_id = commands[0].split()[-1]
    assert run_id not in _labels_of_all_containers()


def _run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([GATEHOST, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)


def _labels_of_all_containers() -> str:
    import docker

    client = docker.from_env()
    try:
        return str([found["Labels"] for found in client.api.containers(all=True)])
    finally:
        client.close()
