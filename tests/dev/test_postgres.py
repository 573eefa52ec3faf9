"""Servers for development and tests: who starts them, who joins them, and what stays behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dev.conftest import HOLD, Service, read_line, until

pytestmark = pytest.mark.slow


def test_a_temporary_server_takes_statements_and_leaves_nothing(service: Service) -> None:
    held = service.hold_temporary()

    answer = service.sql(held.url, "create table t (n int); select current_setting('fsync')")
    held.leave()

    assert answer == "CREATE TABLE\noff"
    assert held.traces() == []


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"])
def test_a_server_ends_with_its_owner_whatever_ends_the_owner(service: Service, name: str) -> None:
    held = service.hold_temporary()

    held.process.send_signal(getattr(signal, name))

    held.process.wait(10)
    until(lambda: held.traces() == [], "all traces gone")


def test_a_server_ends_with_a_block_that_raises(service: Service) -> None:
    code = (
        "from dev import postgres\nwith postgres.temporary_server() as url:\n raise KeyError(url)"
    )

    failed = service.run("-c", code)

    url = failed.stderr.rpartition("KeyError: ")[2].strip().strip("'")
    folder = Path(url.partition("host=")[2].partition("&")[0])
    assert folder.name.startswith("pg-")
    assert not folder.exists()


def test_a_keeper_told_to_stop_stops_its_server(service: Service) -> None:
    held = service.hold_temporary()

    os.kill(held.keeper, signal.SIGTERM)

    until(lambda: held.traces() in ([], ["keeper"]), "Postgres and its folder gone")


def test_temporary_servers_start_side_by_side_even_with_an_empty_cache(
    service: Service, tmp_path: Path
) -> None:
    service.env["XDG_CACHE_HOME"] = str(tmp_path / "cache")

    processes = [
        service.start(
            "-c", "from dev import postgres\nwith postgres.temporary_server() as url: print(url)"
        )
        for _ in range(3)
    ]
    urls = [process.communicate()[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(urls)) == 3
    assert len(list((tmp_path / "cache").glob("dev-postgres-*/*"))) == 1


@pytest.mark.parametrize("breakage", ["a file", "half a seed"])
def test_a_broken_cache_is_done_without(service: Service, tmp_path: Path, breakage: str) -> None:
    cache = tmp_path / "cache"
    service.env["XDG_CACHE_HOME"] = str(cache)
    if breakage == "a file":
        cache.write_text("")
    else:
        service.hold_temporary().leave()
        (seed,) = cache.glob("dev-postgres-*/*")
        (seed / "PG_VERSION").unlink()
        (seed / "PG_VERSION").symlink_to("nowhere")

    held = service.hold_temporary()

    assert service.sql(held.url, "select 1") == "1"
    held.leave()


def test_the_users_own_postgres_variables_and_locale_do_not_reach_postgres(
    service: Service,
) -> None:
    theirs = {"PGPORT": "1", "PGTZ": "Asia/Tokyo", "PGOPTIONS": "-c jit=on", "LC_TIME": "xx_XX"}
    service.env |= theirs
    held = service.hold_temporary()

    program = "create temp table env (line text); copy env from program 'env'; select line from env"
    given = service.sql(held.url, program).splitlines()

    assert [line for line in given if line in {f"{k}={v}" for k, v in theirs.items()}] == []
    held.leave()


def test_development_data_survives_a_restart_and_is_written_safely(service: Service) -> None:
    first = service.hold_development()
    service.sql(first.url, "create table t as select 7 as n")
    first.leave()

    second = service.hold_development()

    assert (
        service.sql(second.url, "select current_database(), current_setting('fsync'), n from t")
        == "app|on|7"
    )
    second.leave()
    assert first.traces() + second.traces() == []


def test_a_dropped_development_database_is_made_again(service: Service) -> None:
    first = service.hold_development()
    service.sql(first.url.replace("/app", "/postgres"), "drop database app")
    first.leave()

    second = service.hold_development()

    assert service.sql(second.url, "select current_database()") == "app"
    second.leave()


def test_a_second_process_joins_and_does_not_stop_the_server(service: Service) -> None:
    owner = service.hold_development()
    joined = service.hold_development()

    joined.leave()

    assert joined.url == owner.url
    assert service.sql(owner.url, "select 1") == "1"
    owner.leave()
    assert owner.traces() == []


@pytest.mark.parametrize("ends", ["normally", "killed"])
def test_the_last_one_out_stops_the_server(service: Service, ends: str) -> None:
    owner = service.hold_development()
    joined = service.hold_development()

    if ends == "normally":
        owner.leave()
    else:
        owner.process.kill()
        owner.process.wait()

    assert service.sql(joined.url, "select 1") == "1"
    joined.leave()
    until(lambda: owner.traces() == [], "all traces gone")


def test_processes_that_start_at_the_same_instant_share_one_server(service: Service) -> None:
    code = HOLD.format(server="postgres.development_server(Path.cwd())")

    processes = [service.start("-c", code) for _ in range(3)]
    urls = {read_line(process).strip() for process in processes}

    assert len(urls) == 1
    for process in processes:
        process.communicate()
    folder = Path(urls.pop().partition("host=")[2].partition("&")[0])
    until(lambda: not folder.exists(), "server gone")


def test_a_server_comes_back_at_once_after_its_last_user_left(service: Service) -> None:
    code = (
        "from pathlib import Path\nfrom dev import postgres\n"
        "with postgres.development_server(Path.cwd()): pass"
    )
    script = f"for _ in range(4):\n exec({code!r})"

    racing = [service.start("-c", script) for _ in range(2)]
    output = [process.communicate() for process in racing]

    assert [process.returncode for process in racing] == [0, 0], output


def test_a_pid_file_of_a_crash_does_not_block_even_when_its_pid_is_in_use(service: Service) -> None:
    first = service.hold_development()
    left_behind = (first.data / "postmaster.pid").read_text().splitlines()
    first.leave()
    left_behind[0] = str(os.getpid())
    (first.data / "postmaster.pid").write_text("\n".join(left_behind) + "\n")

    second = service.hold_development()

    assert service.sql(second.url, "select 1") == "1"
    second.leave()


def test_data_survives_the_kill_of_everybody(service: Service) -> None:
    first = service.hold_development()
    service.sql(first.url, "create table t as select 7 as n")
    os.kill(first.keeper, signal.SIGKILL)
    os.kill(first.postmaster, signal.SIGKILL)
    first.process.kill()
    until(lambda: first.traces() == [], "processes and folder gone")

    second = service.hold_development()

    assert service.sql(second.url, "select n from t") == "7"
    second.leave()


def test_data_of_another_major_version_is_refused_with_the_way_out(service: Service) -> None:
    service.hold_development().leave()
    data = service.root / ".postgres" / "data"
    new = (data / "PG_VERSION").read_text().strip()
    (data / "PG_VERSION").write_text("14\n")

    refused = service.run("-m", "dev.run", "true")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"Postgres 14 wrote the data in {data}, and Postgres {new} can't read it: delete it "
        "with `make reset-db`, or set PG_BIN_DIR to the folder of a Postgres 14.\n"
    )


def test_a_server_that_fails_to_start_shows_its_log(service: Service) -> None:
    service.hold_development().leave()
    (service.root / ".postgres" / "data" / "postgresql.conf").write_text("max_connections = many\n")

    failed = service.run("-m", "dev.run", "true")

    assert failed.returncode == 1
    assert failed.stderr.startswith("Postgres has ended. Its log says:\n")
    assert 'invalid value for parameter "max_connections": "many"' in failed.stderr


def test_programs_that_are_nowhere_end_in_a_sentence_that_names_the_ways_out(
    service: Service,
) -> None:
    service.env["PG_BIN_DIR"] = "/dev/null/nowhere"

    failed = service.run("-m", "dev.run", "true")

    assert failed.returncode == 1
    assert failed.stderr == (
        "No Postgres 15 or newer runs here (tried: /dev/null/nowhere). Set POSTGRES_URL (for tests "
        "TEST_POSTGRES_URL) to a running server, set PG_BIN_DIR to a folder of Postgres programs, "
        "run `make sync`, or install your system's postgresql package.\n"
    )


def test_programs_that_are_too_old_or_do_not_run_are_passed_over(
    service: Service, tmp_path: Path
) -> None:
    for name, text in ("old", "echo 'postgres (PostgreSQL) 14.9'"), ("broken", "exit 1"):
        (tmp_path / name).mkdir()
        for program in ("postgres", "initdb"):
            (tmp_path / name / program).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name / program).chmod(0o755)
        service.env["PG_BIN_DIR"] = str(tmp_path / name)
        assert f"(tried: {tmp_path / name})" in service.run("-m", "dev.run", "true").stderr


@pytest.mark.parametrize("name", ["with spaces, 100% ünïcode", "/".join(["long" * 15] * 3)])
def test_any_path_will_do(
    make_service: Callable[[Path], Service], tmp_path: Path, name: str
) -> None:
    service = make_service(tmp_path / name)

    held = service.hold_development()

    assert service.sql(held.url, "select current_database()") == "app"
    held.leave()


def test_deleting_the_development_data_needs_the_server_stopped(service: Service) -> None:
    held = service.hold_development()

    refused = service.run("-m", "dev.run", "--reset")
    held.leave()
    done = service.run("-m", "dev.run", "--reset")

    assert refused.returncode == 1
    assert refused.stderr == f"The server of {service.root}/.postgres is running: stop it first.\n"
    assert (done.returncode, held.data.exists()) == (0, False)
