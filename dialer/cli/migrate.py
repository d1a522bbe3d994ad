"""`dialer migrate`: the record's schema."""

import asyncio

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json


def migrate(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Bring the schema of the record up to date. Stop the daemon and make a backup first."""
    from dialer import settings
    from dialer.adapters.store import database
    from dialer.adapters.store.hold import only_daemon

    place = settings.place(settings.load(config).store)

    async def work() -> tuple[str | None, str]:
        async with only_daemon(place):
            return await database.migrate(place)

    before, after = asyncio.run(work())
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"{place}: the schema is {after} already")
    else:
        print(f"{place}: the schema went from {before or 'nothing'} to {after}")
