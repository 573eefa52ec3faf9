"""The service: `main.py` builds it, `core/` is shared, every other package is one feature."""

import os
import signal
import sys
from pathlib import Path

# A server that is told to stop before it serves ends with 0, too. uvicorn replaces this handler as
# soon as the service is imported, and brings it back in the end. Not by `sys.exit`: pydantic, which
# builds its validators then, makes another error of a SystemExit.
if "uvicorn" in Path(sys.argv[0]).parts and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
