"""`dialer run`: the daemon."""

import asyncio

from dialer.cli.output import DEFAULT_CONFIG, Config


def run(config: Config = DEFAULT_CONFIG) -> None:
    """Run the daemon beside Asterisk until a signal drains it (a second one ends it at once)."""
    from dialer import settings
    from dialer.adapters import logging
    from dialer.app import Daemon

    loaded = settings.load(config)
    logging.configure(loaded.log.format, loaded.log.level)

    async def work() -> None:
        await Daemon(loaded, config).run()

    asyncio.run(work())
