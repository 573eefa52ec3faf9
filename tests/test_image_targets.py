"""`make image` and its companions give docker what docs/image.md says."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import services

Run = Callable[..., list[list[str]]]
DOCKER = """#!/bin/sh
printf '%s\\0' "$@" >> "$CALLS"
echo >> "$CALLS"
[ "$1" != save ] || touch image.tar
"""
NAME = "registry.example.com:5000/lamps"
IMAGE = f"{NAME}:1.2"


@pytest.fixture
def run(service: Path, tmp_path: Path) -> Run:
    """Runs a target. Returns the arguments of each call of docker, which does nothing."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    services.commit(service, "Start from the template")
    services.git(service, "remote", "add", "origin", "https://ci:t0ken@git.example.com/lamps.git")
    calls = tmp_path / "calls"

    def run(target: str, image: str = IMAGE, **variables: str) -> list[list[str]]:
        environment = os.environ | variables | {"CALLS": str(calls)}
        environment["PATH"] = f"{docker.parent}:{environment['PATH']}"
        command = ["make", "--silent", target, f"IMAGE={image}"]
        subprocess.run(command, cwd=service, env=environment, check=True)
        return [line.split("\0")[:-1] for line in calls.read_text().splitlines()]

    return run


def labels(call: list[str]) -> dict[str, str]:
    given = [call[i + 1] for i, argument in enumerate(call) if argument == "--label"]
    return {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in (label.split("=", 1) for label in given)
    }


def without_labels(call: list[str]) -> list[str]:
    return [
        argument
        for before, argument in zip(["", *call], call, strict=False)
        if "--label" not in (before, argument)
    ]


@pytest.mark.parametrize("target", ["image", "image-publish"])
def test_an_image_is_labelled_with_its_commit_and_no_token(
    run: Run, service: Path, target: str
) -> None:
    [call] = run(target)

    assert labels(call) == {
        "revision": services.git(service, "rev-parse", "HEAD").strip(),
        "created": services.git(service, "log", "-1", "--format=%cI").strip(),
        "source": "https://git.example.com/lamps.git",
    }
    assert "t0ken" not in str(call)


@pytest.mark.parametrize(
    ("published", "cache"),
    [
        ("", []),
        ("false", []),
        ("true", ["--cache-from", f"type=registry,ref={NAME}:cache"]),
    ],
)
def test_a_build_uses_the_published_cache_alone(run: Run, published: str, cache: list[str]) -> None:
    [call] = run("image", PUBLISH_IMAGE=published)

    assert without_labels(call) == ["buildx", "build", "--load", *cache, "--tag", IMAGE, "."]


def test_a_published_image_has_its_sbom_its_provenance_and_a_cache(run: Run) -> None:
    [call] = run("image-publish", NAME, TAG="1.2")

    cache = f"type=registry,ref={NAME}:cache"
    assert without_labels(call) == [
        *("buildx", "build", "--push", "--cache-from", cache, "--cache-to", f"{cache},mode=max"),
        *("--sbom=true", "--provenance=mode=max", "--tag", IMAGE, "."),
    ]


@pytest.mark.parametrize(
    ("of_git", "of_the_image"),
    [
        ("v1.2.0-rc.1_a", "v1.2.0-rc.1_a"),
        ("release/v1.2+3", "release-v1.2-3"),
        ("+1", "1"),
        ("für", "f--r"),
        ("v1;`id`$(id)$HOME'\"", "v1--id---id--HOME--"),
        ("v" * 130, "v" * 128),
    ],
)
def test_an_image_is_published_by_the_name_of_a_git_tag_as_far_as_it_may_be(
    run: Run, service: Path, of_git: str, of_the_image: str
) -> None:
    services.git(service, "tag", of_git)

    [call] = run("image-publish", NAME, TAG=of_git)

    assert call[call.index("--tag") + 1] == f"{NAME}:{of_the_image}"


def test_without_a_tag_an_image_is_published_by_its_commit(run: Run, service: Path) -> None:
    [call] = run("image-publish", NAME, TAG="")

    commit = services.git(service, "rev-parse", "HEAD").strip()
    assert call[call.index("--tag") + 1] == f"{NAME}:{commit}"


def test_a_scan_reads_the_list_of_the_very_image(run: Run, service: Path) -> None:
    here = ["run", "--rm", "--volume", f"{service}:/here", "--workdir", "/here"]

    saved, listed = run("image-sbom")
    *_, scanned = run("image-scan")

    assert saved == ["save", "--output", "image.tar", IMAGE]
    assert (listed[:6], scanned[:6]) == (here, here)
    assert listed[7:] == ["docker-archive:image.tar", "--output", "cyclonedx-json=sbom.cdx.json"]
    assert scanned[7:] == ["sbom:sbom.cdx.json", "--only-fixed", "--fail-on", "critical"]
    assert all(re.search(r":v[\d.]+@sha256:[0-9a-f]{64}$", call[6]) for call in (listed, scanned))
    assert not (service / "image.tar").exists()
