"""The SQL of a worker, on PgQueuer's tables: $2 is the worker, where a job must be its own."""

# By the index `due_idx`, priority by priority: PgQueuer's own query reads all jobs that wait for
# their time before it finds one that is due. Only 'queued' comes before 'picked'; with an = there,
# Postgres may choose another index while statistics are old, and read all jobs.
PICK = """
    WITH RECURSIVE levels (entrypoint, priority) AS (
        SELECT entrypoint, (
            SELECT max(priority) FROM jobs.pgqueuer job
            WHERE status < 'picked' AND job.entrypoint = given.entrypoint
        ) FROM unnest($1::text[]) given (entrypoint)
        UNION ALL
        SELECT entrypoint, (
            SELECT max(priority) FROM jobs.pgqueuer job
            WHERE status < 'picked' AND job.entrypoint = levels.entrypoint
                AND job.priority < levels.priority
        ) FROM levels WHERE priority IS NOT NULL
    ), due AS (
        SELECT job.id FROM levels CROSS JOIN LATERAL (
            SELECT id, priority, execute_after FROM jobs.pgqueuer
            WHERE status < 'picked' AND entrypoint = levels.entrypoint
                AND priority = levels.priority AND execute_after <= now()
            ORDER BY execute_after, id LIMIT $3 FOR UPDATE SKIP LOCKED
        ) job ORDER BY job.priority DESC, job.execute_after, job.id LIMIT $3
    ), picked AS (
        UPDATE jobs.pgqueuer
        SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $2
        WHERE id IN (SELECT id FROM due) RETURNING *
    ), logged AS (
        INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
        SELECT id, status, entrypoint, priority FROM picked
    )
    SELECT * FROM picked ORDER BY priority DESC, execute_after, id
"""
COMPLETE = """
    WITH done AS (
        DELETE FROM jobs.pgqueuer WHERE id = $1 AND queue_manager_id = $2
        RETURNING id, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'successful', entrypoint, priority FROM done RETURNING job_id
"""
FAIL = """
    WITH failed AS (
        UPDATE jobs.pgqueuer
        SET status = $3::text::jobs.pgqueuer_status, attempts = attempts + 1, updated = now(),
            execute_after = clock_timestamp() + $4::interval, queue_manager_id = NULL,
            headers = headers - 'started'
        WHERE id = $1 AND queue_manager_id = $2
        RETURNING id, status, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority, traceback)
    SELECT id, status, entrypoint, priority, $5::text::jsonb FROM failed RETURNING job_id
"""
GIVE_BACK = """
    UPDATE jobs.pgqueuer
    SET status = 'queued', updated = now(), execute_after = now(), queue_manager_id = NULL,
        headers = headers - 'started'
    WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2
    RETURNING id
"""
BEAT = """
    UPDATE jobs.pgqueuer SET heartbeat = now()
    WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2
"""
# The first crash may be a neighbour's. Later ones count if the job had started, alone.
RESCUE = """
    WITH lost AS (
        SELECT id, headers, coalesce((headers->>'crashes')::int, 0)
            + CASE WHEN headers ? 'crashes' AND NOT headers ? 'started' THEN 0 ELSE 1 END AS crashes
        FROM jobs.pgqueuer
        WHERE status = 'picked' AND heartbeat < now() - $1::interval
        FOR UPDATE SKIP LOCKED
    ), rescued AS (
        UPDATE jobs.pgqueuer job
        SET status = (CASE WHEN crashes < $2 THEN 'queued' ELSE 'failed' END)::jobs.pgqueuer_status,
            headers = (coalesce(lost.headers, '{}') - 'started')
                || jsonb_build_object('crashes', crashes),
            execute_after = now() + $3::interval * crashes ^ 4 * (0.5 + random()),
            updated = now(), queue_manager_id = NULL
        FROM lost WHERE job.id = lost.id
        RETURNING job.id, status, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority, traceback)
    SELECT id, status, entrypoint, priority, jsonb_build_object(
        'job_id', id, 'timestamp', now(), 'exception_type', 'WorkerDied',
        'exception_message', 'The worker died, or did not answer, while it had this job.',
        'traceback', '', 'additional_context', NULL)
    FROM rescued RETURNING job_id, status::text, entrypoint
"""
SUSPECT = """
    UPDATE jobs.pgqueuer SET headers = headers || '{"started": true}'
    WHERE id = $1 AND queue_manager_id = $2
"""
COUNT = """
    SELECT entrypoint, count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'picked') AS picked,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        coalesce(extract(epoch FROM clock_timestamp() - min(execute_after)
            FILTER (WHERE status = 'queued' AND execute_after < now())), 0)::float AS oldest
    FROM jobs.pgqueuer GROUP BY entrypoint
"""
PRUNE = """
    DELETE FROM jobs.pgqueuer_log WHERE id IN (
        SELECT id FROM jobs.pgqueuer_log WHERE created < now() - $1::interval
        ORDER BY created LIMIT 10000
    ) RETURNING id
"""
