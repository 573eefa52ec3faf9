"""The worker runs what `app.core.jobs.enqueue` wrote: `python -m app.worker`, as many as wanted."""

import os
import signal
import sys

# A worker that is told to stop before it has begun ends with 0, too: see `app/__init__.py`.
if "app.worker" in sys.orig_argv and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
