"""Parts of the core that know Postgres and nothing else of the service."""
