"""Runs an issuer of access tokens beside the server, unless OIDC_ISSUER names one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dev import issuer


@contextmanager
def running(_port: int) -> Iterator[None]:
    if issuer.refusal():
        yield
        return
    with issuer.serving(issuer.FOLDER) as url:
        os.environ["OIDC_ISSUER"] = url
        os.environ.setdefault("OIDC_AUDIENCE", issuer.variable("OIDC_AUDIENCE") or issuer.AUDIENCE)
        print('Tokens: make token scope="items:read items:write"', flush=True)
        try:
            yield
        finally:
            del os.environ["OIDC_ISSUER"]
