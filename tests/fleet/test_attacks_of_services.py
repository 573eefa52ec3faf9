"""What a service has in its files: it is data, whatever it is."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH, LINES, Toy, edit
from tests.support import services

pytestmark = pytest.mark.slow

ANSWERS, WAIVERS = ".copier-answers.yml", ".template-waivers.toml"
WAIVER = '[[waiver]]\npath = "{}"\nreason = "x"\nexpires = 2027-03-01\n'


@pytest.fixture
def good(toy: Toy, tmp_path: Path) -> Path:
    service = toy.service(tmp_path / "good")
    services.commit(service, "Start")
    return service


@pytest.mark.parametrize(
    "line",
    ["on: x", "1: x", "1.5: x", "? [a, b]\n: x", "~: x", "2026-01-01: x", "true: x"],
)
def test_an_answer_with_an_odd_name_is_no_answer_and_hinders_nobody(
    fleet: Fleet, lamps: Path, good: Path, line: str
) -> None:
    with (lamps / ANSWERS).open("a") as file:
        file.write(f"{line}\n")
    services.commit(lamps, "Answer")

    run = fleet(lamps.parent, "status", "lamps", "good", "--json")

    told = {service["path"]: service for service in json.loads(run.output)["services"]}
    assert (told["good"]["error"], told["good"]["version"]) == (None, "v1.0.0")
    if told["lamps"]["error"]:
        assert told["lamps"]["error"].startswith(f"lamps/{ANSWERS} is not valid YAML: ")
    else:
        assert told["lamps"]["answers"] == {"service_name": "lamps", "port": 8000}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ANSWERS, "released: 2026-13-45"),
        (ANSWERS, 'n: !!int "abc"'),
        (ANSWERS, "n: !!bool x"),
        (ANSWERS, "n: !!timestamp x"),
        (ANSWERS, f"n: {'9' * 5000}"),
        (ANSWERS, "n: " + "[" * 3000),
        (ANSWERS, "n: !!python/object/apply:os.system ['true']"),
        (
            ANSWERS,
            "a: &a [x]\n"
            + "".join(
                f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(12)
            ),
        ),
        (ANSWERS, f"n: {'x' * (2 << 20)}"),
        (WAIVERS, WAIVER.format("!")),
        (WAIVERS, WAIVER.format("a[z-a]***")),
        (WAIVERS, f"n = {'9' * 5000}\n"),
        (WAIVERS, "n = " + "[" * 3000),
        (WAIVERS, "# " + "x" * (2 << 20)),
        (WAIVERS, "\udcff"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence_of_its_service(
    fleet: Fleet, lamps: Path, good: Path, name: str, text: str
) -> None:
    with (lamps / name).open("ab") as file:
        file.write(os.fsencode(f"{text}\n"))
    services.commit(lamps, "Attack")

    run = fleet(lamps.parent, "status", "lamps", "good", "--json")

    bad, other = json.loads(run.output)["services"]
    assert (run.code, other["error"], other["version"]) == (1, None, "v1.0.0")
    assert bad["error"].startswith(f"lamps/{name} ")


@pytest.mark.parametrize("name", [ANSWERS, WAIVERS])
@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "Makefile"])
def test_a_link_is_not_followed(
    fleet: Fleet, lamps: Path, good: Path, name: str, target: str
) -> None:
    (lamps / name).unlink(missing_ok=True)
    (lamps / name).symlink_to(target)
    services.commit(lamps, "Attack")

    run = fleet(lamps.parent, "status", "lamps", "good", "--json")

    bad, other = json.loads(run.output)["services"]
    assert (bad["error"], other["error"]) == (f"lamps/{name} is a link: commit a file.", None)


@pytest.mark.parametrize("name", [ANSWERS, WAIVERS, "Makefile"])
def test_a_pipe_in_a_working_tree_is_not_opened(
    fleet: Fleet, lamps: Path, good: Path, name: str
) -> None:
    (lamps / name).unlink(missing_ok=True)
    os.mkfifo(lamps / name)

    run = fleet(lamps.parent, "status", "lamps", "good", "--timeout", "20", "--json")

    assert [service["error"] for service in json.loads(run.output)["services"]] == [None, None]


def test_drift_shows_no_file_that_a_link_leads_to(fleet: Fleet, lamps: Path) -> None:
    secret = lamps.parent / "secret"
    secret.write_text("TOPSECRET\n")
    (lamps / "Makefile").unlink()
    (lamps / "Makefile").symlink_to(secret)
    before = fleet(lamps, "service", "drift")
    services.commit(lamps, "Attack")

    after = fleet(lamps, "service", "drift")

    assert (before.code, after.code) == (4, 4)
    assert "TOPSECRET" not in before.output + after.output
    assert "Makefile: a plain file in the template, a link in the service\n" in after.output


@pytest.mark.parametrize("name", ["caf\udce9.txt", "line\nbreak.txt", "\u2028.txt", "\x1b[31m.txt"])
def test_a_file_of_any_name_is_merged_like_others(
    fleet: Fleet, toy: Toy, lamps: Path, name: str
) -> None:
    (lamps / name).write_text("mine\n")
    services.commit(lamps, "Name it")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})

    status = fleet(lamps.parent, "status", "lamps", "--conflicts", "--json")
    first = fleet(lamps.parent, "update", "lamps", "--json")
    second = fleet(lamps.parent, "update", "lamps", "--json")

    assert status.code == 0
    assert (outcomes(first), outcomes(second)) == ({"lamps": "updated"}, {"lamps": "updated"})
    command = ["git", "ls-tree", "-r", "-z", "--name-only", BRANCH]
    names = subprocess.run(command, cwd=lamps, check=True, capture_output=True).stdout
    assert os.fsencode(name) in names.split(b"\0")


@pytest.mark.parametrize("name", ["\u2028.txt", "line\nbreak.txt"])
def test_a_conflict_in_a_file_of_any_name_is_remembered(
    fleet: Fleet, toy: Toy, tmp_path: Path, name: str
) -> None:
    toy.release("v1.0.1", {f"template/{name}": LINES})
    service = toy.service(tmp_path / "service", "v1.0.1")
    services.commit(service, "Start")
    edit(service, name, "line 5", "mine")
    toy.release("v1.1.0", {f"template/{name}": LINES.replace("line 5", "theirs")})

    first = fleet(tmp_path, "update", "service", "--json")
    second = fleet(tmp_path, "update", "service", "--json")

    assert (outcomes(first), outcomes(second)) == ({"service": "conflicts"},) * 2


def test_no_name_or_message_reaches_a_terminal_as_a_command(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    for name, field, text in (
        ("red", "_commit", "v1\x1b[31mRED"),
        ("title", "service_name", "\x1b]0;PWNED\x07"),
        ("turned", "service_name", "lam\u202eps"),
    ):
        service = toy.service(tmp_path / name)
        recorded = json.dumps(
            {"_src_path": str(toy.folder), "_commit": "v1.0.0", "port": 8000, "service_name": "x"}
            | {field: text}
        )
        (service / ANSWERS).write_text(recorded)
        services.commit(service, "Attack")
    toy.release("v1.1.0", {"template/next.txt": "next\n"})
    odd = {"\x1b", "\x07", "\u202e", "\x9b"}

    for command in ("status", "update"):
        run = fleet(tmp_path, command, "red", "title", "turned", "no\x1b[31mwhere")
        assert not odd & {*run.output, *run.errors}
    gone = fleet(tmp_path, "status", "--file", "no\x1b[31mwhere")
    assert (gone.code, odd & {*gone.errors}) == (1, set())


def test_a_repository_of_somebody_else_is_told_as_that(lamps: Path, good: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    for path in [lamps, *lamps.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    program = Path(sysconfig.get_path("scripts"), "fleet")

    run = subprocess.run(
        [program, "status", "lamps", "good", "--json"],
        cwd=lamps.parent,
        env={name: v for name, v in os.environ.items() if name != "SUDO_UID"},
        check=False,
        capture_output=True,
    )

    bad, other = json.loads(run.stdout)["services"]
    assert bad["error"].startswith("The repository of lamps belongs to somebody else: ")
    assert other["error"] is None


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "git~1", ".git. "])
def test_a_tree_with_a_path_that_leads_out_or_into_gits_folder_is_refused(
    fleet: Fleet, lamps: Path, good: Path, name: str
) -> None:
    blob = services.git(lamps, "hash-object", "-w", "Makefile").strip()
    files = services.git(lamps, "ls-tree", "HEAD")
    tree = _tree(lamps, f"{files}100644 blob {blob}\t{name}\n")
    commit = services.git(lamps, "commit-tree", "-m", "Attack", tree).strip()
    services.git(lamps, "update-ref", "HEAD", commit)

    run = fleet(lamps.parent, "status", "lamps", "good", "--conflicts", "--json")

    bad, other = json.loads(run.output)["services"]
    assert bad["error"] == f"lamps has a path that no working tree can have: {name}."
    assert other["error"] is None


def _tree(service: Path, listed: str) -> str:
    done = subprocess.run(
        ["git", "mktree"], cwd=service, input=listed, text=True, check=True, capture_output=True
    )
    return done.stdout.strip()
