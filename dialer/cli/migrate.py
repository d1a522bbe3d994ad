"""`dialer migrate`: the record's schema."""

import asyncio

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json


def migrate(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Bring the schema of the record up to date. Stop the daemon and make a backup first."""
    from dialer import app, settings
    from dialer.adapters.store import database

    path = settings.load(config).store.path
    with app.only_daemon(path):
        before, after = asyncio.run(database.migrate(path))
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"{path}: the schema is {after} already")
    else:
        print(f"{path}: the schema went from {before or 'nothing'} to {after}")
