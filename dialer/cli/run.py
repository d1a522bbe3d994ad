"""`dialer run`: the daemon."""

import asyncio

import typer

from dialer.cli.output import DEFAULT_CONFIG, Config
from dialer.kernel.errors import EXIT_NO, DialerError


def run(config: Config = DEFAULT_CONFIG) -> None:
    """Run the daemon beside Asterisk until a signal drains it (a second one ends it at once)."""
    import structlog

    from dialer import settings
    from dialer.adapters import logging
    from dialer.app import Daemon

    loaded = settings.load(config)
    logging.configure(loaded.log.format, loaded.log.level)

    async def work() -> None:
        await Daemon(loaded, config).run()

    try:
        asyncio.run(work())
    except DialerError:
        raise
    except Exception:  # noqa: BLE001 -- told, and then it ends
        # a bug is told in the log, which hides what Python's own traceback may quote
        structlog.get_logger(__name__).exception("daemon.crashed")
        raise typer.Exit(EXIT_NO) from None
