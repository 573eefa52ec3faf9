"""`python -m app.worker`: needs POSTGRES_URL and ENVIRONMENT. Ends with 0 after a SIGTERM."""

import asyncio
import gc
import os
import signal
from contextlib import AsyncExitStack

import uvloop

from app.core.config import Settings, load_settings, settings
from app.core.database import open_database
from app.core.engine import open_engine
from app.core.jobs.definitions import definitions
from app.core.jobs.settings import JobSettings
from app.core.logger import configure_logging, logger, secrets_of
from app.core.redaction import Redaction
from app.worker.listener import listen, url_to_listen
from app.worker.metrics import exporting, log_processors, settings_of_telemetry
from app.worker.probe import answer_probes
from app.worker.queue import Queue
from app.worker.worker import Worker


async def work(settings: Settings, job_settings: JobSettings) -> None:
    """Run jobs until a SIGTERM or SIGINT."""
    pool = settings.postgres_pool_size + settings.postgres_pool_max_overflow
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(settings, settings.postgres_url, pool_size=2)
        )
        redaction = Redaction(secrets_of(settings, job_settings, *settings_of_telemetry()))
        queue = Queue(engine.begin, redaction, job_settings.jobs_retry_seconds)
        database = await stack.enter_async_context(open_database(settings))
        await stack.enter_async_context(exporting(settings, redaction, database))
        # Each job has a connection: more jobs than connections would wait, and time out.
        worker = Worker(database, queue, job_settings, min(job_settings.jobs_concurrency, pool))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, worker.stop)
        if job_settings.jobs_health_port:
            await stack.enter_async_context(answer_probes(job_settings.jobs_health_port))
        url = url_to_listen(settings, job_settings)
        listening = asyncio.create_task(listen(settings, url, worker.woken.set))
        logger.info("The worker has started.", jobs=sorted(definitions()))
        await worker.run()
        listening.cancel()
        logger.info("The worker has ended.")
        if worker.running:  # a job that cannot be cancelled keeps nobody waiting
            os._exit(0)


def main() -> None:
    job_settings = load_settings(JobSettings)
    others = [job_settings, *settings_of_telemetry()]
    configure_logging(settings, *others, processors=log_processors())
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as in app/main.py
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(settings, job_settings))


if __name__ == "__main__":
    main()
