"""How the network treated the calls, by campaign, trunk and the number that was shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from dialer.calls.results import Result
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Asked,
    Report,
    count,
    longest,
    ratio,
    seconds,
    share,
    text,
    total,
)

_BY_RESULT = "calls that ended so (docs/reference/call-results.md maps causes and SIP answers): "


@dataclass(frozen=True, slots=True)
class TrunkCalls:
    """Dialled calls of a campaign, counted. call_seconds: from answer to end, all of the `ended` together. ring_delay_seconds:
    from dial to ring, of all that rang.
    """

    RESULTS: ClassVar[tuple[Result, ...]] = (
        Result.BUSY, Result.NO_ANSWER, Result.REJECTED, Result.UNREACHABLE, Result.NOT_IN_SERVICE, Result.CONGESTION,
        Result.TRUNK_FAILURE, Result.UNKNOWN,
    )  # fmt: skip
    campaign: str
    trunk: str
    caller_id: str
    dialled: int
    rang: int
    answered: int
    call_seconds: float
    ended: int
    ring_delay_seconds: float
    slowest_ring_seconds: float | None
    results: Mapping[Result, int]


@dataclass(frozen=True, slots=True)
class TrunkLine:
    """One campaign's calls over one trunk, with one caller id."""

    campaign: Annotated[str, text("the campaign")]
    trunk: Annotated[str, text("the trunk that carried them")]
    caller_id: Annotated[str, text("the number that the debtors saw")]
    attempts: Annotated[int, count("calls that the PBX dialled")]
    rang: Annotated[int, count("calls to which the far end sent a ring (180)")]
    answered: Annotated[int, count("calls that a person or a machine answered")]
    busy: Annotated[int, count(_BY_RESULT + "busy")]
    no_answer: Annotated[int, count(_BY_RESULT + "no answer")]
    rejected: Annotated[int, count(_BY_RESULT + "rejected")]
    unreachable: Annotated[int, count(_BY_RESULT + "off, or out of coverage")]
    not_in_service: Annotated[int, count(_BY_RESULT + "no such number")]
    congestion: Annotated[int, count(_BY_RESULT + "the network had no way to it")]
    trunk_failure: Annotated[int, count(_BY_RESULT + "it never left our side")]
    unknown: Annotated[int, count(_BY_RESULT + "nobody knows")]
    ended: Annotated[int, count("answered calls that are over")]
    call_seconds: Annotated[float, seconds("from answer to end, of all of those together")]
    ring_delay_seconds: Annotated[float, seconds("from dial to ring, of all that rang together")]
    slowest_ring_seconds: Annotated[float | None, longest("from dial to ring, the slowest")]

    @property
    def asr(self) -> Annotated[float | None, share("answer-seizure ratio: answered ÷ calls that left our side")]:
        return ratio(self.answered, self.attempts - self.trunk_failure)

    @property
    def acd_seconds(
        self,
    ) -> Annotated[float | None, seconds("average call duration: answer to end ÷ answered and over")]:
        return ratio(self.call_seconds, self.ended)

    @property
    def mean_ring_delay_seconds(
        self,
    ) -> Annotated[float | None, seconds("post-dial delay: dial to ring ÷ calls that rang")]:
        return ratio(self.ring_delay_seconds, self.rang)


ABOUT = About(
    "trunks",
    "How does the network treat our calls: answered, refused, failed, how fast?",
    TrunkLine,
    PERIOD | GROUPS,
    ("An attempt belongs to the instant at which the gate cleared it.",),
)


def report(asked: Asked, calls: Iterable[TrunkCalls]) -> Report:
    """One line for each campaign, trunk and caller id."""
    lines = [
        TrunkLine(
            campaign=one.campaign,
            trunk=one.trunk,
            caller_id=one.caller_id,
            attempts=one.dialled,
            rang=one.rang,
            answered=one.answered,
            **{result.value: count for result, count in one.results.items()},
            ended=one.ended,
            call_seconds=one.call_seconds,
            ring_delay_seconds=one.ring_delay_seconds,
            slowest_ring_seconds=one.slowest_ring_seconds,
        )
        for one in calls
    ]
    return Report(ABOUT, asked, tuple(lines), total(lines))
