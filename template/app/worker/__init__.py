"""The worker runs what `app.core.jobs.enqueue` wrote: `python -m app.worker`, as many as wanted."""
