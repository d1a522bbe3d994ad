"""The command `dialer`: one file a command. Exit codes: see `dialer.kernel.errors`."""

import os
import sys

import typer

from dialer.cli import (
    agents,
    asterisk_conf,
    audit,
    backup,
    campaign,
    case,
    cases,
    check,
    demo,
    explain,
    export,
    flags,
    gate,
    generate,
    ledger,
    letters,
    listen,
    mandate,
    migrate,
    minimise,
    packs,
    payments,
    phones,
    recordings,
    reload,
    report,
    run,
    schema,
    script,
    sim,
    token,
    tune,
    waiting,
)
from dialer.cli.output import fail
from dialer.kernel.errors import DialerError

app = typer.Typer(
    help="Cadenza: predictive and progressive dialer for phone collection, beside a real Asterisk.",
    epilog="Exit codes: 0 done; 1 the answer is no; 2 wrong input; 3 something needed is away; 4 refused; 5 in use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("schema")(schema.schema)
app.command("reload")(reload.reload)
app.command("tune")(tune.tune)
app.command("explain")(explain.explain)
app.command("audit")(audit.audit)
app.command("report")(report.report)
app.command("demo")(demo.demo)
app.command("migrate")(migrate.migrate)
app.command("asterisk-conf")(asterisk_conf.asterisk_conf)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
cases.app.command("export")(export.export)
cases.app.command("generate")(generate.generate)
cases.app.command("flags")(flags.flags)
cases.app.command("payments")(payments.payments)
cases.app.command("waiting")(waiting.waiting)
cases.app.command("minimise")(minimise.minimise)
app.add_typer(case.app, name="case")
app.add_typer(cases.app, name="cases")
app.add_typer(letters.app, name="letters")
app.add_typer(listen.app, name="listen")
app.add_typer(mandate.app, name="mandate")
app.add_typer(campaign.app, name="campaign")
agents.app.add_typer(phones.app, name="phone")
app.add_typer(agents.app, name="agents")
app.add_typer(ledger.app, name="ledger")
app.add_typer(recordings.app, name="recordings")
app.add_typer(packs.app, name="packs")
app.add_typer(gate.app, name="gate")
app.add_typer(script.app, name="script")
app.add_typer(sim.app, name="sim")
app.add_typer(token.app, name="token")


def main() -> None:
    """Run a command; an error that a user must read is told in words, never as a traceback."""
    try:
        try:
            app()
        except DialerError as error:
            sys.exit(fail(error, as_json="--json" in sys.argv))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read it, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
