"""What a template, or a version of it, does to those that render it: it is refused with a sentence,
and other services go on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fleet.attacks import executable, touching
from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import ANSWERS_FILE, FIRST, Toy
from tests.support import services

pytestmark = pytest.mark.slow

COPIER = FIRST["copier.yml"]
UPDATE = ("update", "lamps", "--json", "--timeout", "20")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/b.txt").write_text("mine\n")
    return folder


def link(toy: Toy, path: str, target: str) -> None:
    (toy.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (toy.folder / path).unlink(missing_ok=True)
    (toy.folder / path).symlink_to(target)


def note(output: str) -> str:
    return str(json.loads(output)["services"][0]["note"])


@pytest.mark.parametrize("place", ["{victim}", "../../../../../../../../../..{victim}", "away"])
@pytest.mark.parametrize("command", ["status", "update"])
def test_a_folder_that_is_not_in_the_template_is_neither_read_nor_emptied(
    fleet: Fleet, toy: Toy, lamps: Path, victim: Path, place: str, command: str
) -> None:
    files: dict[str, str | None] = {
        "copier.yml": f"_subdirectory: {place.format(victim=victim)}\nport: 1\n",
        "ownership.toml": 'seed = ["*"]\n[template]\n',
    }
    if place == "away":
        link(toy, "away", str(victim))
    toy.release("v1.1.0", files)
    answers = lamps / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v1.1.0"))
    services.commit(lamps, "Record it")
    toy.release("v1.2.0", {"next.txt": "next\n"})

    run = fleet(lamps.parent, command, "lamps", "--json")

    assert (victim / "sub/b.txt").read_text() == "mine\n"
    assert run.code == 1
    assert "of the template" in run.output


def test_a_template_writes_no_file_through_a_link(
    fleet: Fleet, toy: Toy, lamps: Path, victim: Path
) -> None:
    answers = lamps / ".copier-answers.yml"
    text = answers.read_text().replace("v1.0.0", "v1.1.0")
    answers.write_text(text + f'x: "$({touching(victim / "ran")})"\n')
    services.commit(lamps, "Answer")
    (toy.folder / ANSWERS_FILE).unlink()
    link(toy, "template/.copier-answers.yml", str(victim / "sub/b.txt"))
    toy.release("v1.1.0", {"copier.yml": f"{COPIER}_preserve_symlinks: true\n"})
    toy.release("v1.2.0", {"template/next.txt": "next\n"})

    status = fleet(lamps.parent, "status", "lamps", "--conflicts", "--json")
    update = fleet(lamps.parent, *UPDATE)

    assert (victim / "sub/b.txt").read_text() == "mine\n"
    assert (status.code, outcomes(update)) == (1, {"lamps": "refused"})
    assert note(update.output) == (
        "Version v1.2.0 of the template has a link that leads out of it: "
        f"template/.copier-answers.yml -> {victim}/sub/b.txt."
    )


def test_an_answers_file_that_is_a_link_inside_of_the_template_is_refused(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    (toy.folder / ANSWERS_FILE).unlink()
    link(toy, "template/.copier-answers.yml", "Makefile")
    toy.release("v1.1.0", {"copier.yml": f"{COPIER}_preserve_symlinks: true\n"})

    run = fleet(lamps.parent, *UPDATE)

    assert note(run.output) == "Version v1.1.0 of the template writes no .copier-answers.yml."


@pytest.mark.parametrize(
    "path",
    [
        'template/{{ ".git" }}/hooks/pre-commit',
        'template/{{ ".GIT" }}/hooks/pre-commit',
        'template/{{ "git~1" }}/config',
        'template/a/{{ ".git" }}/config',
        'template/{{ ".." }}/outside.txt',
    ],
)
def test_a_name_that_is_gits_own_or_leads_out_is_never_written(
    fleet: Fleet, toy: Toy, lamps: Path, path: str
) -> None:
    toy.release("v1.1.0", {"copier.yml": f"{COPIER}_exclude: []\n", path: "#!/bin/sh\ntrue\n"})
    older = lamps.parent / "older"
    older.mkdir()
    services.commit(older, "Start")
    before = sorted(older.rglob("*"))

    adopted = fleet(lamps.parent, "adopt", "older", "--template", str(toy.folder), "--write")
    run = fleet(lamps.parent, *UPDATE)

    assert sorted(older.rglob("*")) == before
    assert (adopted.code, run.code, outcomes(run)) == (1, 1, {"lamps": "refused"})
    assert "Version v1.1.0 of the template " in adopted.errors


def test_another_repository_of_this_machine_is_not_shown_to_a_service_that_names_it(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    secret = Toy(tmp_path / "secret")
    secret.release("v1.0.0", FIRST)
    secret.release("v9.0.0", {"template/secret.env": "DB_PASSWORD=hunter2\n"})
    answers = lamps / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(toy.folder), str(secret.folder)))
    services.commit(lamps, "Attack")

    run = fleet(tmp_path, *UPDATE)

    assert services.git(lamps, "branch") == "* main\n"
    assert note(run.output) == (
        f"The template {secret.folder} is not allowed; allowed: {toy.folder}."
    )


@pytest.mark.parametrize(
    "address",
    [
        "/srv/other",
        "file:///srv/other",
        "git://example.org/template",
        "http://example.org/template",
        "https://127.0.0.1/template",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/template",
        "https://0x7f000001/template",
        "https://git.internal/template",
        "https://vault/template",
        "git@10.0.0.1:acme/template",
        "ssh://git@[fd00::1]/template",
        "fd::17/foo",
        "ext::sh -c true",
        "--upload-pack=true",
    ],
)
def test_what_nobody_named_is_not_asked_for_a_template(
    fleet: Fleet, lamps: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.delenv("FLEET_TEMPLATE")
    (lamps / ".copier-answers.yml").write_text(
        json.dumps({"_src_path": address, "_commit": "v1.0.0"})
    )
    services.commit(lamps, "Attack")

    run = fleet(lamps.parent, "status", "lamps", "--json")

    assert run.code == 1
    assert json.loads(run.output)["services"][0]["error"] == (
        f"The template {address} is on this machine or an inner network: if you trust it, name it "
        f"with --template {address}."
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"template/x.txt.jinja": "{% for a in range(99999) %}" * 4 + "{% endfor %}" * 4},
            "took more than 8 s: --timeout allows more.",
        ),
        (
            {"template/x.txt.jinja": "{{ 1 / 0 }}\n"},
            "of the template does not render with these answers: division by zero",
        ),
        (
            {
                "template/{% yield n from range(30000) %}{{ n }}{% endyield %}.txt": "x\n",
            },
            "of the template writes more than 20000 files.",
        ),
        (
            {"template/x.txt.jinja": "{% set x = 'x' * 4000000000 %}{{ x }}\n"},
            "",
        ),
        ({"copier.yml": f"{COPIER}_tasks: ['touch ran']\n"}, "unsafe"),
        ({"copier.yml": f"{COPIER}_jinja_extensions: [os.path]\n"}, "_jinja_extensions"),
        ({"copier.yml": f"{COPIER}more: !include /etc/passwd\n"}, "copier.yml"),
        ({"ownership.toml": "seed = " + "[" * 3000}, "ownership.toml is not valid"),
    ],
)
def test_a_version_that_cannot_be_rendered_is_a_row_and_others_go_on(
    fleet: Fleet, toy: Toy, shop: Path, files: Mapping[str, str | None], reason: str
) -> None:
    toy.release("v2.0.0", dict(files))
    seconds = "8" if "8 s" in reason else "120"

    run = fleet(shop, "update", "plain", "--to", "v2.0.0", "--json", "--timeout", seconds)
    other = fleet(shop, "update", "plain", "--to", "v1.1.0", "--json")

    assert (run.code, outcomes(run)) == (1, {"plain": "refused"})
    assert reason in note(run.output)
    assert outcomes(other) == {"plain": "updated"}
    assert not (shop / "plain/ran").exists()


def test_programs_of_a_template_do_not_run_while_it_is_cloned(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    hook = touching(ran)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        executable(toy.folder / ".git/hooks" / name, hook)
    services.git(toy.folder, "config", "uploadpack.packObjectsHook", str(tmp_path / "hook"))
    services.git(toy.folder, "config", "filter.mine.smudge", hook)
    toy.release("v1.1.0", {".gitattributes": "* filter=mine\n"})
    ran.unlink(missing_ok=True)

    run = fleet(lamps.parent, *UPDATE)

    assert outcomes(run) == {"lamps": "updated"}
    assert not ran.exists()


def test_a_submodule_is_not_fetched(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    head = services.git(toy.folder, "rev-parse", "HEAD").strip()
    services.git(toy.folder, "update-index", "--add", "--cacheinfo", f"160000,{head},inner")
    services.git(toy.folder, "commit", "--quiet", "--message", "A submodule")
    services.git(toy.folder, "tag", "v1.1.0")

    run = fleet(lamps.parent, *UPDATE)

    assert note(run.output) == (
        "Version v1.1.0 of the template has submodules, which fleet does not fetch: inner."
    )


def test_the_folder_that_a_link_in_a_template_leads_to_is_read_inside_of_it(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    """What copier allows stays allowed."""
    link(toy, "template/linked", "example")
    link(toy, "template/other.txt", "owned.txt")
    toy.release("v1.1.0", {"template/next.txt": "next\n"})

    run = fleet(lamps.parent, *UPDATE)

    assert outcomes(run) == {"lamps": "updated"}
    tree = services.git(lamps, "ls-tree", "-r", "template-update/v1.1.0")
    assert "linked/seed.txt" in tree
    assert os.fspath("120000") not in tree
