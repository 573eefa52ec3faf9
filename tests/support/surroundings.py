"""What the tests and all that they start inherit: the same in every shell, hook and CI job."""

import os
import signal
import sysconfig
import tempfile
from pathlib import Path

NOBODYS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "COPIER_SETTINGS_PATH": str(Path(__file__).with_name("copier_settings.yml")),
}
# Terminals, CI systems, hooks of git, `make` above us, settings of services and of pytest.
HIDDEN = {"CI", "GITHUB_ACTIONS", "GITLAB_CI", "COLUMNS", "LINES", "CDPATH", "BASH_ENV"}
HIDDEN |= {"NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
HIDDEN |= {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "LANGUAGE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"}
HIDDEN |= {"PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONUNBUFFERED"}
HIDDEN |= {"UV_FROZEN", "UV_LOCKED", "UV_NO_SYNC", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT"}
HIDDEN |= {"POSTGRES_URL", "TEST_POSTGRES_URL", "DATABASE_URL", "ENVIRONMENT", "ENV_FILE"}
HIDDEN |= {"DEBUG", "PORT", "HOST", "WEB_CONCURRENCY"}
PREFIXES = ("GIT_", "LC_", "PG")
KEPT = {"PG_BIN_DIR", "GIT_SSL_CAINFO"}
# `nohup` and the `&` of a script ignore some of them, and a child inherits that.
STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


MEMORY = Path("/dev/shm")


def is_roomy(folder: Path) -> bool:
    """Whether all temporary files of a run fit into it, and programs may run there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize >= 8 << 30 and not about.f_flag & os.ST_NOEXEC


def make_neutral() -> None:
    """Call it before copier is imported, which reads git's environment then."""
    for name in [*os.environ]:
        if name in HIDDEN or (name.startswith(PREFIXES) and name not in KEPT):
            del os.environ[name]
    os.environ |= NOBODYS | {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
    # The cores are busy with our own workers: the tests of a service run in one process.
    os.environ["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "0"
    # No proxy stands between a test and what it serves.
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost," + no_proxy())
    # The tools of this environment, and the uv that runs the tests: no Makefile gets another one.
    folders = [sysconfig.get_path("scripts"), os.environ["PATH"]]
    folders += [str(Path(uv).absolute().parent)] if (uv := os.environ.get("UV")) else []
    os.environ["PATH"] = os.pathsep.join(folders)
    if is_roomy(MEMORY):
        # Half of an update's time goes into folders that are made and removed again.
        os.environ |= {"TMPDIR": str(MEMORY), "UV_LINK_MODE": "copy"}
        tempfile.tempdir = None  # as it was found before
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    for number in STOPPING:
        if signal.getsignal(number) is signal.SIG_IGN:
            # We go on ignoring it; what we start gets the default, for a handler isn't inherited.
            signal.signal(number, lambda *_: None)


def no_proxy() -> str:
    return os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
