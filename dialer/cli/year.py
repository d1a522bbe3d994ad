"""`dialer sim year`: a year of a portfolio simulated, to see what the choice of the next case brings."""

import logging
from typing import Annotated

import typer

from dialer.cli.output import AsJson, print_json, print_table
from dialer.kernel.errors import EXIT_NO, InputError

OPEN_CASES_FOR_A_CALL_AN_HOUR = 25
"""With those gone that paid or wait for something, each is then called nearly as often as the packs allow."""
MOST_PROCESSES = 16


def year(
    *,
    debtors: Annotated[int, typer.Option(min=1, max=100_000, help="handed over within the year, in equal lots every 30 days")] = 3_000,
    agents: Annotated[int, typer.Option(min=1, max=1_000, help="on weekdays from 8:30 to 20:30, on Saturdays to 14:30")] = 4,
    days: Annotated[int, typer.Option(min=1, max=700, help="how long it lasts")] = 365,
    attempts_an_hour: Annotated[float | None, typer.Option(min=0, help="calls released in an hour, to be made then or later on the same day; 0: as many as the agents can make [default: one for 25 open cases]")] = None,
    cadence_days: Annotated[int | None, typer.Option(min=1, max=90, help="least cadence [default: as the pack has it]")] = None,
    seeds: Annotated[str, typer.Option(help="of the years, with commas; the same seed is the same public")] = "1",
    order: Annotated[str, typer.Option(help="with commas: cadenza (ours), fifo (the longest due first), amount (the largest debt first), oracle (a bound, no product: sees when each debtor answers)")] = "fifo,amount,cadenza",
    public: Annotated[str, typer.Option(help="usual; alike: people and hours differ half as much; hourless: who answers at all hours alike; none: and every debtor and number alike")] = "usual",
    processes: Annotated[int, typer.Option(min=1, max=MOST_PROCESSES, help="years that are simulated at the same time")] = 1,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Simulate a year of a portfolio in virtual time, once for each way to choose the next case.

    Gate, packs (it-unirec), ledger, outcomes, promises and next actions are the engine's own; debtors are scripted, and
    nobody is called. Every order meets the same debtors and has the same attempts released; one that keeps calls for a
    better hour makes fewer. Each attempt is recounted by the auditor: exit code 1 if one broke a rule. What is assumed of
    debtors, and what each column means, is told in docs/explanation/simulated-year.md.
    """
    import structlog

    from dialer.lab import comparison
    from dialer.lab.orders import OrderName
    from dialer.lab.public import Habits
    from dialer.lab.year import MANDATE_DAYS, Plan

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        chosen = [OrderName(name) for name in order.split(",")]
        habits = Habits(public)
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        raise InputError(
            f"dialer sim year: {error}", "dialer sim year --help names the orders, publics, and the form of seeds"
        ) from None
    usual = debtors * min(1.0, MANDATE_DAYS / days) / OPEN_CASES_FOR_A_CALL_AN_HOUR
    rate = usual if attempts_an_hour is None else attempts_an_hour or None
    plan = Plan(debtors, agents, days, rate, cadence_days=cadence_days, habits=habits)
    results = list(comparison.run(plan, chosen, numbers, processes))
    if as_json:
        print_json(comparison.as_json(plan, results))
    else:
        told = "as many attempts as agents can make" if rate is None else f"{rate:.3g} attempts an hour"
        title = f"{days} days, {debtors:,} debtors (public: {public}), {agents} agents, {told}"
        print_table(title, comparison.COLUMNS, comparison.rows(results))
    if any(one.violations for one in results):
        raise typer.Exit(EXIT_NO)
