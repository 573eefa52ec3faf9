"""Scripts and one-off jobs: `make run SCRIPT=backfill` runs `app/scripts/backfill.py`.

In production and in the image it is `python -m app.scripts.backfill`, with the service's settings.

    async def main() -> None:
        configure_logging(settings)
        async with open_database(settings) as database, database.session() as session:
            ...

    if __name__ == "__main__":
        asyncio.run(main())
"""
