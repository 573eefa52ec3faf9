"""`python -m dev.run` and `python -m dev.serve`: what a command gets, and how it ends."""

import os
import pty
import re
import signal
import socket
import sys

import pytest

from tests.dev.conftest import Service, read_line
from tests.support.serving import free_port

pytestmark = pytest.mark.slow

PRINT_URL = ("-c", "import os; print(os.environ.get('POSTGRES_URL'))")
ELSEWHERE = "postgresql://somebody@elsewhere/theirs"
# Ends as a service does: on the signal it still needs its database.
GRACEFUL = """
import os, signal, subprocess, sys, time
signals = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: signals.append(number))
print("ready", flush=True)
while not signals:
    time.sleep(0.01)
time.sleep(0.3)
psql = [sys.argv[1], os.environ["POSTGRES_URL"], "-XAtc", "select 'still there'"]
print(subprocess.run(psql, capture_output=True, text=True).stdout.strip(), len(signals), flush=True)
sys.exit(3)
"""

# Ends when it has had two signals, and tells whether they came together.
TWICE = """
import signal, time
times = []
signal.signal(signal.SIGINT, lambda *_: times.append(time.monotonic()))
print("ready", flush=True)
while len(times) < 2:
    time.sleep(0.01)
print("together" if times[1] - times[0] < 0.1 else "apart", flush=True)
"""


def url_given_to_a_command(service: Service) -> str:
    done = service.run("-m", "dev.run", sys.executable, *PRINT_URL)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def nothing_was_started(service: Service) -> bool:
    return not (service.root / ".postgres").exists()


def test_a_command_gets_the_development_server(service: Service) -> None:
    url = url_given_to_a_command(service)

    assert re.fullmatch(r"postgresql://postgres@/app\?host=/\S+/pg-\w+&port=5432", url)


@pytest.mark.parametrize("name", ["POSTGRES_URL", "DATABASE_URL"])
def test_a_configured_database_wins_and_nothing_is_started(service: Service, name: str) -> None:
    service.env[name] = ELSEWHERE

    done = service.run(
        "-m", "dev.run", sys.executable, "-c", f"import os; print(os.environ['{name}'])"
    )

    assert (done.returncode, done.stdout) == (0, f"{ELSEWHERE}\n")
    assert nothing_was_started(service)


@pytest.mark.parametrize(
    "text",
    [
        f"POSTGRES_URL={ELSEWHERE}",
        "DB=elsewhere\nPOSTGRES_URL=postgresql://u@${DB}/db\n",
        f"DATABASE_URL=\nPostgres_Url = '{ELSEWHERE}'  # theirs\n",
        f"# a comment\n\nDEBUG=true\nexport DATABASE_URL = '{ELSEWHERE}'\n",
        f'postgres_url="{ELSEWHERE}" # theirs',
    ],
)
def test_a_database_in_the_env_file_wins_and_the_service_reads_it_itself(
    service: Service, text: str
) -> None:
    (service.root / ".env").write_text(text)

    assert url_given_to_a_command(service) == "None"
    assert nothing_was_started(service)


def test_env_file_names_another_file(service: Service) -> None:
    (service.root / "other.env").write_text(f"POSTGRES_URL={ELSEWHERE}")
    service.env["ENV_FILE"] = "other.env"

    assert url_given_to_a_command(service) == "None"


@pytest.mark.parametrize(
    "text",
    ["# POSTGRES_URL=x", "POSTGRES_URL=", "POSTGRES_URL='' # later", "POSTGRES_URL= # later"],
)
def test_an_env_file_without_a_database_changes_nothing(service: Service, text: str) -> None:
    (service.root / ".env").write_text(text)
    service.env["POSTGRES_URL"] = ""

    assert url_given_to_a_command(service).startswith("postgresql://postgres@/app?")


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)]
)
def test_the_exit_code_is_the_commands(service: Service, command: str, code: int) -> None:
    service.env["POSTGRES_URL"] = ELSEWHERE

    assert service.run("-m", "dev.run", "sh", "-c", command).returncode == code


def test_a_program_that_does_not_exist_is_named(service: Service) -> None:
    service.env["POSTGRES_URL"] = ELSEWHERE

    done = service.run("-m", "dev.run", "alembik", "upgrade")

    assert (done.returncode, done.stderr) == (127, "There is no program 'alembik' on PATH.\n")


def test_without_a_command_the_usage_is_printed(service: Service) -> None:
    done = service.run("-m", "dev.run")

    assert (done.returncode, done.stderr) == (
        2,
        "Usage: python -m dev.run COMMAND [ARGUMENT ...], or python -m dev.run --reset\n",
    )


def test_psql_is_given_the_database(service: Service) -> None:
    done = service.run("-m", "dev.run", "psql", "-XAtc", "select current_database()")

    assert (done.returncode, done.stdout, done.stderr) == (0, "app\n", "")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_reaches_the_command_and_postgres_stays_until_it_has_ended(
    service: Service, name: str
) -> None:
    psql = str(service.programs() / "psql")
    process = service.start("-m", "dev.run", sys.executable, "-c", GRACEFUL, psql, own_session=True)
    assert read_line(process) == "ready\n"

    process.send_signal(getattr(signal, name))

    assert process.communicate(timeout=20) == ("still there 1\n", "")
    assert process.returncode == 3


def test_a_process_group_that_is_interrupted_gets_no_second_signal_at_once(
    service: Service,
) -> None:
    service.env["POSTGRES_URL"] = ELSEWHERE
    process = service.start("-m", "dev.run", sys.executable, "-c", TWICE, own_session=True)
    assert read_line(process) == "ready\n"

    os.killpg(process.pid, signal.SIGINT)

    assert process.communicate(timeout=20) == ("apart\n", "")


def test_ctrl_c_in_a_terminal_reaches_the_command_once_and_not_postgres(service: Service) -> None:
    psql = str(service.programs() / "psql")
    command = [sys.executable, "-m", "dev.run", sys.executable, "-c", GRACEFUL, psql]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(service.root)
        os.execve(command[0], command, service.env)
    read_until(terminal, "ready")

    os.write(terminal, b"\x03")

    assert "still there 1" in read_until(terminal, "still there \\d")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    os.close(terminal)


def read_until(terminal: int, pattern: str) -> str:
    text = ""
    while not re.search(pattern, text):
        text += os.read(terminal, 1000).decode()
    return text


@pytest.fixture
def tools(service: Service) -> Service:
    """Stand-ins for alembic and uvicorn, which say how they were called."""
    said = (
        "import os, sys, time\n"
        "print(*sys.argv[1:], bool(os.environ.get('POSTGRES_URL')), flush=True)\n"
    )
    (service.root / "alembic.py").write_text(said)
    (service.root / "uvicorn.py").write_text(f"{said}time.sleep(30)\n")
    return service


def test_serving_migrates_tells_the_address_and_leaves_quietly_on_ctrl_c(tools: Service) -> None:
    port = free_port()
    process = tools.start("-m", "dev.serve", "--port", str(port), own_session=True)
    said = [read_line(process) for _ in range(3)]

    os.killpg(process.pid, signal.SIGINT)

    process.wait(20)
    assert said == [
        "upgrade head True\n",
        f"Docs: http://127.0.0.1:{port}/docs\n",
        f"app.main:app --host 127.0.0.1 --port {port} --reload --reload-dir app"
        " --reload-dir migrations True\n",
    ]
    assert process.returncode == 0
    assert not (tools.root / ".postgres" / "data" / "postmaster.pid").exists()


def test_a_migration_that_fails_is_not_served(tools: Service) -> None:
    (tools.root / "alembic.py").write_text("raise SystemExit(5)")

    done = tools.run("-m", "dev.serve", "--port", str(free_port()))

    assert (done.returncode, done.stdout) == (5, "")


def test_a_taken_port_is_reported_before_anything_is_started(tools: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = tools.run("-m", "dev.serve", "--port", str(port))

    assert (done.returncode, done.stderr) == (
        1,
        f"Port {port} is taken. Try PORT={port + 1} make dev\n",
    )
    assert nothing_was_started(tools)
