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

jobs-migration: $(UV) ## Write the migration that the queue needs; remove=1: the one that drops it
	@$(WITH_POSTGRES) alembic upgrade head
	@$(WITH_POSTGRES) python -m dev.jobs_migration $(if $(remove),--remove)
