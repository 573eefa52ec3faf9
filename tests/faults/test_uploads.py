"""The upload of docs/requests.md, word for word: large files, and memory that stays flat."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.faults.conftest import Serve
from tests.faults.production import Production
from tests.support.figures import figure
from tests.support.markdown import blocks
from tests.support.services import ROOT
from tests.support.serving import clean_environment

pytestmark = pytest.mark.slow

AT_ONCE = 5
PAGE = (ROOT / "template/docs/requests.md").read_text()
[FIELD, PATH] = re.findall(r"`curl -F (\w+)=@\S+ \S+?(/\w+)`", PAGE)[0]
LIMIT = int(re.findall(r"max_body_size=([\d_]+)", PAGE)[0])
SERVED = """
from app.core.config import settings
from app.main import create_app

app = create_app(settings)
app.include_router(router)
"""


@pytest.fixture
def documented_app(production: Production) -> str:
    """With the page's lines, and its package."""
    [package] = re.findall(r"^    uv add (\S+)$", PAGE, re.MULTILINE)
    for arguments in (["add", "--no-sync", package], ["sync", "--no-dev"]):
        command = [os.environ.get("UV", "uv"), *arguments, "--quiet"]
        subprocess.run(command, cwd=production.folder, check=True, env=clean_environment())
    [lines] = blocks(PAGE, "python")
    (production.folder / "pictures.py").write_text(lines + SERVED)
    return "pictures:app"


def upload(url: str, file: Path) -> httpx2.Response:
    with file.open("rb") as content:
        return httpx2.post(url, files={FIELD: content}, timeout=60, trust_env=False)


def test_uploads_of_20_mb_keep_memory_flat(
    serve: Serve, documented_app: str, tmp_path: Path
) -> None:
    service = serve(app=documented_app)
    url = service.served.url + PATH
    picture = tmp_path / "picture.png"
    picture.write_bytes(os.urandom(LIMIT - 1000))  # the rest is for the form around it
    larger = tmp_path / "larger.png"
    larger.write_bytes(bytes(LIMIT))

    assert upload(url, picture).json() == {"size": LIMIT - 1000}
    service.most_memory()
    before = service.memory()
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(lambda _: upload(url, picture), range(4 * AT_ONCE)))
    refused = upload(url, larger)
    grown = service.most_memory() - before

    assert {answer.status_code for answer in answers} == {201}
    assert refused.status_code == 413
    assert refused.json()["detail"] == f"The body must not be larger than {LIMIT} bytes."
    assert grown < LIMIT
    service.check_log([])
    figure(f"uploads of 20 MB, {AT_ONCE} at once", uploads=len(answers), grown_by_mb=grown / 2**20)
