"""What was written last, beside the record: the base of a merge, whichever version wrote it."""

import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO

from fleet.errors import FleetError
from fleet.resource.project import Project

FOLDER = ".template-resources"
MOST = 2**22
"""Bytes of all files: one resource has a hundredth of it."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first moment that a ZIP file knows: the same texts are the same bytes."""
BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def path_of(name: str) -> str:
    return f"{FOLDER}/{name}.zip"


def kept(project: Project, name: str) -> dict[str, str]:
    """The files of a resource as they were written; none if they were not kept.

    Raises FleetError for a file that is not valid.
    """
    path = path_of(name)
    if not (project.folder / path).is_file():
        return {}
    try:
        with zipfile.ZipFile(project.folder / path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST:
                raise ValueError("it is too large")
            return {each: archive.read(each).decode() for each in archive.namelist()}
    except BROKEN as error:
        raise FleetError(
            f"{path} cannot be read: {error}. Without it, a field can still be added."
        ) from error


def keeping(texts: Mapping[str, str]) -> bytes:
    """The texts as such a file."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(texts.items()):
            archive.writestr(zipfile.ZipInfo(path, LONG_AGO), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
