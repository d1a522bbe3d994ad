"""Several orders, each over the same years: the same debtors, who do the same if they are called at the same hour."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from statistics import mean
from typing import Any

from dialer.lab.orders import OrderName
from dialer.lab.year import Figures, Plan, live

AGAINST = OrderName.FIFO
"""What the others are measured by."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of an order divided by that of `AGAINST` in the same year: over the years, mean, least and most."""

    mean: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.least:.2f} to {self.most:.2f})"


def run(plan: Plan, orders: Iterable[OrderName], seeds: Sequence[int], processes: int = 1) -> Iterator[Figures]:
    """Live each year under each order; they come in the order of the seeds, then of the orders."""
    years = [(plan, order, seed) for seed in seeds for order in orders]
    if processes == 1:
        for year in years:
            yield live(*year)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(live, *zip(*years, strict=True))


def ratio(results: Sequence[Figures], order: OrderName, of: str) -> Ratio | None:
    """How an order compares in one figure; None where `AGAINST` wasn't lived, or had nothing."""
    by_seed = {result.seed: getattr(result, of) for result in results if result.order is AGAINST}
    found = [
        getattr(result, of) / base
        for result in results
        if result.order is order and (base := by_seed.get(result.seed))
    ]  # fmt: skip
    return Ratio(mean(found), min(found), max(found)) if found else None


COLUMNS = (
    "order", "years", "attempts", "right party", "per attempt", "against fifo", "debtors reached", "cash",
    "cash per agent hour", "against fifo", "late", "starved", "longest wait", "violations",
)  # fmt: skip


def rows(results: Sequence[Figures]) -> list[tuple[str, ...]]:
    """A line for each order, means over its years."""
    made: list[tuple[str, ...]] = []
    for order in dict.fromkeys(result.order for result in results):
        own = [result for result in results if result.order is order]
        made.append(
            (
                order.value,
                str(len(own)),
                f"{mean(one.attempts for one in own):,.0f}",
                f"{mean(one.right_party for one in own):,.0f}",
                f"{mean(one.per_attempt for one in own):.2%}",
                str(ratio(results, order, "per_attempt") or ""),
                f"{mean(one.reached / one.debtors for one in own):.1%}",
                f"{mean(one.cash_cents for one in own) / 100:,.0f} €",
                f"{mean(one.cash_an_hour for one in own):,.0f} €",
                str(ratio(results, order, "cash_an_hour") or ""),
                f"{sum(one.late for one in own)}",
                f"{sum(one.starved for one in own)}",
                f"{max(one.worst_wait_days for one in own):.1f} days",
                f"{sum(sum(one.violations.values()) for one in own)} of {sum(one.recounted for one in own):,}",
            )
        )
    return made


def as_json(plan: Plan, results: Sequence[Figures]) -> dict[str, Any]:
    """Everything, for a program."""
    orders = dict.fromkeys(result.order for result in results)
    return {
        "plan": asdict(plan),
        "years": [
            asdict(one) | {"per_attempt": one.per_attempt, "cash_an_hour": one.cash_an_hour} for one in results
        ],
        "against_fifo": {
            order.value: {
                of: asdict(found) if (found := ratio(results, order, of)) else None
                for of in ("per_attempt", "right_party", "cash_cents", "cash_an_hour")
            }
            for order in orders
        },
    }  # fmt: skip
