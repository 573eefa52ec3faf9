"""The suite gives the same result in a shell, under nohup, in a hook of git and in CI."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import ROOT

# Prints what a process gets that is started by the tests.
TELL = """
import json, os, signal
umask = os.umask(0)
ignored = [n.name for n in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(n) is signal.SIG_IGN]
names = ("CI", "COLUMNS", "GIT_DIR", "GIT_SSL_CAINFO", "PGPORT", "POSTGRES_URL", "LC_ALL")
kept = {n: os.environ[n] for n in (*names, "NO_PROXY") if n in os.environ}
print(json.dumps([umask, ignored, kept]))
"""
START = f"""
import subprocess, sys
from tests.support import surroundings
surroundings.make_neutral()
sys.exit(subprocess.run([sys.executable, "-c", {TELL!r}]).returncode)
"""
HOSTILE = {
    "CI": "true",
    "COLUMNS": "20",
    "GIT_DIR": "/dev/null/nowhere",
    "GIT_SSL_CAINFO": "certificates.pem",
    "PGPORT": "1",
    "POSTGRES_URL": "postgresql://somebody@elsewhere/theirs",
    "LC_ALL": "tr_TR.UTF-8",
    "no_proxy": "example.org",
}


def ignore_and_close() -> None:
    """As nohup, `&` in a script, and a careful administrator leave a process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.umask(0o077)


def test_what_tests_start_inherits_nothing_of_the_machine() -> None:
    started = subprocess.run(
        [sys.executable, "-c", START],
        cwd=ROOT,
        env=os.environ | HOSTILE,
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=ignore_and_close,
    )

    umask, ignored, variables = json.loads(started.stdout)
    assert (umask, ignored) == (0o022, [])
    assert variables == {
        "GIT_SSL_CAINFO": "certificates.pem",
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost,example.org",
    }


@pytest.mark.slow
def test_the_settings_that_people_give_copier_take_no_part(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "copier" / "settings.yml"
    theirs.parent.mkdir()
    theirs.write_text("defaults: {service_name: theirs}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults"]

    subprocess.run([*command, str(template), str(tmp_path / "service")], check=True)

    answers = (tmp_path / "service" / ".copier-answers.yml").read_text()
    assert "service_name: service\n" in answers
