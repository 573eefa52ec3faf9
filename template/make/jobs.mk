# Jobs: docs/jobs.md.

.PHONY: worker jobs jobs-held jobs-retry jobs-discard jobs-migration

worker: $(UV) ## Run a worker, which `make dev` does too
	@$(WITH_POSTGRES) python -m app.worker

jobs: $(UV) ## Count the jobs of each type: waiting, running, held
	@$(WITH_POSTGRES) python -m app.worker.admin list

jobs-held: $(UV) ## List the jobs that failed for good, with their errors
	@$(WITH_POSTGRES) python -m app.worker.admin held

jobs-retry: $(UV) ## Repeat a held job, or all of a type (JOB=17, JOB=items.announce)
	@test -n "$(JOB)" || { echo 'Name a held job, or a type: make jobs-retry JOB=17'; exit 1; }
	@$(WITH_POSTGRES) python -m app.worker.admin retry $(JOB)

jobs-discard: $(UV) ## Delete a held job, or all of a type (JOB=17)
	@test -n "$(JOB)" || { echo 'Name a held job, or a type: make jobs-discard JOB=17'; exit 1; }
	@$(WITH_POSTGRES) python -m app.worker.admin discard $(JOB)

# A service that got jobs later has no migration that creates the queue.
ifeq ($(shell grep -ls "CREATE TABLE jobs.pgqueuer " migrations/versions/*.py),)
check test dev migrate: first-jobs-migration
endif
.PHONY: first-jobs-migration
first-jobs-migration: $(UV)
	@echo "Writing the migration that creates the queue of jobs: commit it."
	@POSTGRES_URL=postgresql:///none $(RUN) python -m dev.jobs_migration --first

jobs-migration: $(UV) ## Write the migration that a newer PgQueuer needs; remove=1: that drops the queue
	@$(WITH_POSTGRES) alembic upgrade head
	@$(WITH_POSTGRES) python -m dev.jobs_migration $(if $(remove),--remove)
