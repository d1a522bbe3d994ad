"""The routes: agents, campaigns, the floor right now, and the daemon's health.

Every route needs the bearer token but those that a load balancer or Prometheus reads: /healthz, /readyz, /metrics.
Errors are problem+json (RFC 9457) with the remedy.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer.agents.session import Plan
from dialer.calls.recording import RecordingSounds, What
from dialer.campaigns.campaign import Campaign, CampaignSignal
from dialer.cases.book import CaseBook
from dialer.cases.dossier import Dossiers, Payments
from dialer.cases.letter import Letters
from dialer.cases.model import CaseCard
from dialer.cases.promises import judge
from dialer.cases.waiting import Waiting
from dialer.flow import Flow
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, DialerError, InputError, UnknownNameError
from dialer.kernel.ids import AttemptId
from dialer.kernel.plain import plain
from dialer.live.snapshot import Snapshot, agent_line
from dialer.outcomes.catalogue import Outcome
from dialer.outcomes.form import EMPTY, Form
from dialer.outcomes.record import MOST_NOTE_CHARACTERS
from dialer.outcomes.rules import RulesOf
from dialer.outcomes.said import Said
from dialer.web import inbound, ledger, letters, payments, waiting
from dialer.web.access import Access, ForbiddenError, Holder, digest_of
from dialer.web.recordings import play

MOST_BODY_BYTES = 64 * 1024
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
HOLDER = web.RequestKey("holder", Holder)
REPORTS = "/api/v1/reports"
VIEWER = re.compile(r"[\w .,'@-]{1,64}")
log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LogInBody(_Body):
    """ready: take calls at once; otherwise the agent begins paused."""

    ready: bool = False


class PauseBody(_Body):
    reason: str = Field("pause", min_length=1, max_length=64, pattern=r"^[\w .,'-]+$")


class AnnounceBody(_Body):
    """in_minutes: from now; without it after the call under way, or the next one."""

    plan: Plan
    in_minutes: float | None = Field(None, ge=0, le=24 * 60)
    reason: str = Field("break", min_length=1, max_length=64, pattern=r"^[\w .,'-]+$")


class SkipBody(_Body):
    reason: str = Field(min_length=1, max_length=64, pattern=r"^[\w .,'-]+$")


class TransferBody(_Body):
    """to: an agent of the campaign who is ready, a supervisor who isn't logged in, or one of the campaign's destinations.
    warm: the two speak first, with the debtor on hold.
    """

    to: str
    warm: bool = True


class OutcomeBody(_Body):
    """fields: what the outcome needs, as docs/reference/outcomes.md lists it."""

    code: str = Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")
    note: str = Field("", max_length=MOST_NOTE_CHARACTERS, pattern=r"^[^\x00]*$")  # PostgreSQL keeps no NUL
    fields: Form = EMPTY


class Api:
    """The handlers."""

    def __init__(
        self,
        flow: Flow,
        book: CaseBook,
        dossiers: Dossiers,
        paid: Payments,
        said: Said,
        snapshot: Callable[[], Snapshot],
        problems: Callable[[], list[str]],
        metrics: Callable[[], Awaitable[bytes]],
        token: str,
        clock: Clock,
        rules: RulesOf,
        waits: Waiting,
        written: Letters,
        files: RecordingSounds,
        holders: tuple[Holder, ...] = (),
    ) -> None:
        self._flow = flow
        self._book = book
        self._dossiers = dossiers
        self._paid = paid
        self._shown: dict[str, tuple[int, str]] = {}
        self._candidates: dict[str, tuple[str, set[int]]] = {}
        self._clock = clock
        self._said = said
        self._snapshot = snapshot
        self._problems = problems
        self._metrics = metrics
        self._everybody = Holder("", digest_of(token.encode()))
        self._access = Access((), book.creditor_of, self._not_shown)
        self.admit(holders)
        self._rules = rules
        self._files = files
        self._waiting = waits
        self._written = written

    def admit(self, holders: Iterable[Holder]) -> None:
        """Who may ask from now on, beside whoever has the one shared token."""
        self._access.holders = (self._everybody, *holders)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BODY_BYTES)
        agent, campaign = "/api/v1/agents/{agent}", "/api/v1/campaigns/{campaign}"
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._scrape),
                web.get("/api/v1/live", self._live),
                web.get("/api/v1/agents", self._agents),
                web.get(f"{agent}/call", self._call),
                web.post(f"{agent}/log-in", self._log_in),
                web.post(f"{agent}/ready", self._ready),
                web.post(f"{agent}/pause", self._pause),
                web.post(f"{agent}/announce", self._announce),
                web.post(f"{agent}/withdraw", self._withdraw),
                web.get(f"{agent}/offer", self._offer),
                web.post(f"{agent}/accept", self._accept),
                web.post(f"{agent}/skip", self._skip),
                web.post(f"{agent}/caller", self._identify),
                web.post(f"{agent}/hang-up", self._hang_up),
                web.post(f"{agent}/transfer", self._transfer),
                web.get(f"{agent}/outside", self._outside),
                web.post(f"{agent}/hand-over", self._hand_over),
                web.post(f"{agent}/join", self._join),
                web.post(f"{agent}/take-back", self._take_back),
                web.post(f"{agent}/outcome", self._outcome),
                web.post(f"{agent}/recording/{{do:told|consented|pause|resume}}", self._recording),
                web.post(f"{agent}/wrapped", self._wrapped),
                web.post(f"{agent}/log-out", self._log_out),
                web.post("/api/v1/ledger", self._ledger),
                web.get("/api/v1/outcomes", self._outcomes),
                web.post("/api/v1/payments", self._payments),
                web.post("/api/v1/letters", self._letters),
                web.get("/api/v1/cases/waiting", self._waits),
                web.get("/api/v1/cases/{case:[0-9]{1,9}}", self._case),
                web.post("/api/v1/cases/{case:[0-9]{1,9}}/decide", self._decide),
                web.get("/api/v1/cases/{case:[0-9]{1,9}}/views", self._views),
                web.get("/api/v1/recordings/{attempt:dl[ai]-[0-9a-z]{26}}", self._fetch),
                web.get("/api/v1/campaigns", self._campaigns),
                web.post(f"{campaign}/{{signal:start|pause|drain|halt}}", self._command),
            ]
        )
        return app

    # -- health -----------------------------------------------------------------------------------------

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        return web.json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)

    async def _scrape(self, _: web.Request) -> web.Response:
        return web.Response(
            body=await self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    # -- the floor --------------------------------------------------------------------------------------

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response(plain(self._snapshot()))

    async def _agents(self, _: web.Request) -> web.Response:
        return web.json_response({"agents": plain(self._snapshot())["agents"]})

    async def _campaigns(self, _: web.Request) -> web.Response:
        return web.json_response({"campaigns": plain(self._snapshot())["campaigns"]})

    async def _command(self, request: web.Request) -> web.Response:
        campaign = self._campaign(request)
        await self._flow.command(campaign, CampaignSignal(request.match_info["signal"]))
        return web.json_response({"campaign": campaign.name, "state": campaign.state.value})

    def _campaign(self, request: web.Request) -> Campaign:
        name = request.match_info["campaign"]
        campaign = self._flow.campaigns.get(name)
        if campaign is None:
            raise UnknownNameError(f"no campaign is named {name!r}", "add it to the configuration")
        return campaign

    # -- the ledger -------------------------------------------------------------------------------------

    async def _ledger(self, request: web.Request) -> web.Response:
        holder = request[HOLDER]
        admit, admit_for_all = partial(self._access.case, holder), partial(self._access.for_all, holder)
        id_ = await ledger.take(self._said, await body_of(request), admit, admit_for_all)
        return web.json_response({"id": id_})

    # -- cases ------------------------------------------------------------------------------------------

    async def _case(self, request: web.Request) -> web.Response:
        """The dossier. `by` says who looks: that is on record before anything is shown."""
        by = viewer_of(request)
        case = int(request.match_info["case"])
        try:
            dossier = await self._dossiers.look(case, request[HOLDER].signs(by), "api", self._clock.now())
        except LookupError:
            raise UnknownNameError(f"there is no case {case}", "dialer report attempts has the ids") from None
        return web.json_response(plain(dossier))

    async def _payments(self, request: web.Request) -> web.Response:
        """Payments of one creditor's debts: each counts once, and what is refused is told with its place."""
        admit = partial(self._access.creditor, request[HOLDER])
        return web.json_response(await payments.take(self._paid, await body_of(request), self._clock.now(), admit))

    async def _letters(self, request: web.Request) -> web.Response:
        """When letters were sent, received or returned: cases and limitation dates follow."""
        admit = partial(self._access.case, request[HOLDER])
        return web.json_response(await letters.take(self._written, await body_of(request), self._clock.now(), admit))

    async def _views(self, request: web.Request) -> web.Response:
        """Who looked at the case, the last first."""
        views = await self._dossiers.views(int(request.match_info["case"]))
        return web.json_response({"views": [plain(view) for view in views]})

    async def _waits(self, request: web.Request) -> web.Response:
        """What waits now for a letter or a decision, the longest first."""
        campaign = request.query.get("campaign")
        creditors = request[HOLDER].creditors
        found = await self._waiting.waiting(self._clock.now(), campaign, waiting.MOST_SHOWN, creditors)
        return web.json_response({"cases": [plain(one) for one in found]})

    async def _decide(self, request: web.Request) -> web.Response:
        case, supervisors = int(request.match_info["case"]), self._rules("", "").supervisors
        decided = await waiting.decide(self._waiting, supervisors, case, await body_of(request), self._clock.now())
        return web.json_response({"case": case, "state": decided.course.state})

    # -- agents -----------------------------------------------------------------------------------------

    async def _log_in(self, request: web.Request) -> web.Response:
        body = LogInBody.model_validate(await body_of(request))
        self._flow.desk.log_in(_agent(request), pause_reason=None if body.ready else "logged in")
        return self._session(request)

    async def _ready(self, request: web.Request) -> web.Response:
        self._flow.desk.ready(_agent(request))
        return self._session(request)

    async def _pause(self, request: web.Request) -> web.Response:
        self._flow.desk.pause(_agent(request), PauseBody.model_validate(await body_of(request)).reason)
        return self._session(request)

    async def _announce(self, request: web.Request) -> web.Response:
        body = AnnounceBody.model_validate(await body_of(request))
        at = None if body.in_minutes is None else self._snapshot().at + timedelta(minutes=body.in_minutes)
        self._flow.announcing.announce(_agent(request), body.plan, at, body.reason)
        return self._session(request)

    async def _withdraw(self, request: web.Request) -> web.Response:
        self._flow.announcing.withdraw(_agent(request))
        return self._session(request)

    async def _offer(self, request: web.Request) -> web.Response:
        """The case that the agent may have called (preview): `case` is null while there is none."""
        offer = self._flow.previewing.of(_agent(request))
        await self._seen(request, None if offer is None else offer.case.id, "preview")
        if offer is None:
            return web.json_response({"campaign": None, "seconds_left": None, "case": None})
        card = await self._book.card(offer.case.id, self._clock.now())
        seconds_left = self._flow.previewing.seconds_left(offer)
        return web.json_response(
            {"campaign": offer.campaign.name, "seconds_left": seconds_left, "case": self._card(card)}
        )

    async def _accept(self, request: web.Request) -> web.Response:
        verdict = await self._flow.accept(_agent(request))
        return web.json_response({"called": verdict.allowed, "reasons": list(verdict.reasons)})

    async def _skip(self, request: web.Request) -> web.Response:
        self._flow.skip(_agent(request), SkipBody.model_validate(await body_of(request)).reason)
        return self._session(request)

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._flow.end_call(_agent(request))
        return self._session(request)

    async def _transfer(self, request: web.Request) -> web.Response:
        body = TransferBody.model_validate(await body_of(request))
        await self._flow.transferring.start(_agent(request), body.to, warm=body.warm)
        return self._session(request)

    async def _outside(self, request: web.Request) -> web.Response:
        """Whom the agent may call into the call under way, beside colleagues."""
        known = self._flow.transferring.outside_of(_agent(request))
        return web.json_response({"outside": [{"to": to, "label": label} for to, label in known.items()]})

    async def _hand_over(self, request: web.Request) -> web.Response:
        await self._flow.transferring.hand_over(_agent(request))
        return self._session(request)

    async def _join(self, request: web.Request) -> web.Response:
        await self._flow.transferring.join(_agent(request))
        return self._session(request)

    async def _take_back(self, request: web.Request) -> web.Response:
        await self._flow.transferring.take_back(_agent(request))
        return self._session(request)

    async def _outcome(self, request: web.Request) -> web.Response:
        body = OutcomeBody.model_validate(await body_of(request))
        await self._flow.write_up(_agent(request), body.code, body.note, body.fields)
        return self._session(request)

    async def _outcomes(self, request: web.Request) -> web.Response:
        """What may be said in a campaign of a creditor's cases, and which fields it takes."""
        creditor = request.query.get("creditor", "")
        if creditor:
            self._access.creditor(request[HOLDER], creditor)
        rules = self._rules(request.query.get("campaign", ""), creditor)
        ladder = [plain(step) for step in rules.ladder]
        return web.json_response({"outcomes": [_outcome(one) for one in rules.outcomes.values()], "offers": ladder})

    async def _recording(self, request: web.Request) -> web.Response:
        """Say that the debtor was told or consented; pause for a card's number, and go on. Done when it is answered."""
        agent, recordings = _agent(request), self._flow.recordings
        match request.match_info["do"]:
            case "pause":
                await recordings.pause(agent)
            case "resume":
                await recordings.resume(agent)
            case said:
                await recordings.begin(agent, What(said))
        return self._session(request)

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        """The recording of a call, in parts where the player asks for them. `by` says who listens: that is on record
        before a byte is sent.
        """
        attempt, by = AttemptId(request.match_info["attempt"]), request[HOLDER].signs(viewer_of(request))
        return await play(request, attempt, by, self._flow.recordings, self._files)

    async def _wrapped(self, request: web.Request) -> web.Response:
        self._flow.wrap_up.finish(_agent(request))
        return self._session(request)

    async def _log_out(self, request: web.Request) -> web.Response:
        self._flow.desk.log_out(_agent(request))
        return self._session(request)

    async def _call(self, request: web.Request) -> web.Response:
        """The case on the agent's line: `case` is null while there is none."""
        attempt = await self._flow.wrap_up.current(_agent(request))
        await self._seen(request, None if attempt is None else attempt.intent.case_id, "call")
        session = self._flow.roster.session(_agent(request))
        seen = partial(self._candidate_seen, request)
        call = self._flow.receiving.get(session.attempt)
        caller = await inbound.shown(call, self._book, request[HOLDER], self._clock.now(), seen)
        if attempt is None:
            number = caller and caller["number"]
            return web.json_response(
                {
                    "attempt": caller and session.attempt,
                    "number": number,
                    "case": None,
                    "script": None,
                    "inbound": caller,
                }
            )
        card = await self._book.card(attempt.intent.case_id, self._clock.now())
        script = self._script(card, attempt.campaign, _agent(request))
        answer = {"attempt": attempt.id, "number": attempt.intent.number, "case": self._card(card), "script": script}
        return web.json_response({**answer, "inbound": caller})

    async def _identify(self, request: web.Request) -> web.Response:
        """Whose call it is that came in."""
        body = inbound.IdentifyBody.model_validate(await body_of(request))
        await self._access.case(request[HOLDER], body.case)
        await self._flow.receiving.identify(_agent(request), body.case)
        return await self._call(request)

    def _script(self, card: CaseCard, campaign: str, agent: str) -> Any:
        """What the agent says, with its compulsory parts; a script that fails takes no call away from its agent."""
        rules, today = self._rules(campaign, card.creditor), self._today(card)
        script = rules.scripts.pick(card.language)
        try:
            return plain(script.render(card, rules.agency, agent, today))
        except InputError as error:
            log.warning("script.failed", campaign=campaign, script=script.version, error=str(error))
            return None

    def _card(self, card: CaseCard) -> dict[str, Any]:
        """The case as the agent sees it: each promise with what became of it by today, where the debtor is."""
        judged = [plain(one) for one in judge(card.promises, card.payments, self._today(card))]
        return {**plain(card), "promises": judged}

    def _today(self, card: CaseCard) -> date:
        """Where the debtor is."""
        return self._clock.now().astimezone(ZoneInfo(card.zone or "UTC")).date()

    async def _seen(self, request: web.Request, case_id: int | None, how: str) -> None:
        """Who sees a case is on record before it is shown: once, however often the screen asks for it meanwhile."""
        agent = request[HOLDER].signs(_agent(request))
        if case_id is None:
            if self._shown.get(agent, (0, ""))[1] == how:
                del self._shown[agent]
        elif self._shown.get(agent) != (case_id, how):
            await self._dossiers.viewed(case_id, agent, how, self._clock.now())
            self._shown[agent] = (case_id, how)

    async def _candidate_seen(self, request: web.Request, case_id: int) -> None:
        """The same of one of several who may be calling: once a call."""
        agent = request[HOLDER].signs(_agent(request))
        call = self._flow.roster.session(_agent(request)).attempt or ""
        if self._candidates.get(agent, ("", set()))[0] != call:
            self._candidates[agent] = call, set()
        if case_id not in self._candidates[agent][1]:
            await self._dossiers.viewed(case_id, agent, "who may be calling", self._clock.now())
            self._candidates[agent][1].add(case_id)

    async def _not_shown(self, case_id: int, by: str, how: str) -> None:
        await self._dossiers.viewed(case_id, by, how, self._clock.now())

    def _session(self, request: web.Request) -> web.Response:
        session = self._flow.roster.session(_agent(request))
        return web.json_response(plain(agent_line(session, self._snapshot().at)))

    # -- the border -------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        open_to_all = request.path in OPEN_PATHS
        holder = None if open_to_all else self._access.holder(request.headers.get("Authorization", ""))
        if holder is None and not open_to_all:
            response = problem(401, "no valid token", "send the header Authorization: Bearer TOKEN")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        try:
            if holder is not None:
                request[HOLDER] = holder
                await self._admit(holder, request)
            return await handler(request)
        except ForbiddenError as error:
            return problem(403, str(error), error.remedy)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            return problem(400, f"{where}: {first['msg']}", "correct the request's body")
        except InputError as error:
            return problem(400, str(error), error.remedy)
        except AwayError as error:
            return problem(503, str(error), error.remedy)
        except UnknownNameError as error:
            return problem(404, str(error), error.remedy)
        except DialerError as error:
            return problem(409, str(error), error.remedy)
        except web.HTTPException as error:
            return problem(error.status, error.reason, "see the list of routes in the documentation")

    async def _admit(self, holder: Holder, request: web.Request) -> None:
        """Whether the token may do what the route does, in the case that it names, or of the call."""
        match = request.match_info
        if match.route.resource is not None:
            self._access.route(holder, request.method, match.route.resource.canonical)
            if match.route.resource.canonical.startswith(f"{REPORTS}/"):
                await self._access.report(holder, request.query)
        if "case" in match:
            await self._access.case(holder, int(match["case"]))
        if "attempt" in match and holder.creditors is not None:
            call = await self._flow.wrap_up.call(AttemptId(match["attempt"]))
            if call is None:  # whose it is isn't known
                raise UnknownNameError("there is no such call", "dialer recordings list has them")
            await self._access.case(holder, call.intent.case_id)


def problem(status: int, detail: str, remedy: str) -> web.Response:
    """An error as RFC 9457 wants it, with the remedy."""
    body = {"type": "about:blank", "status": status, "title": detail, "remedy": remedy}
    return web.json_response(body, status=status, content_type="application/problem+json")


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "code": outcome.code,
        "it": outcome.it,
        "en": outcome.en,
        "right_party": outcome.right_party,
        "needs": list(outcome.needs),
        "may": list(outcome.may),
        "flag": outcome.flag and outcome.flag.name,
        "next": outcome.next.do.value,
    }


def viewer_of(request: web.Request) -> str:
    """Who looks, by `?by=`. Raises InputError."""
    by = request.query.get("by", "")
    if not VIEWER.fullmatch(by):
        raise InputError("by: missing, or no name", "say who you are, as ?by=anna")
    return by


def _agent(request: web.Request) -> str:
    return request.match_info["agent"]


async def body_of(request: web.Request) -> Any:
    """The request's JSON; an empty object where it has none. Raises InputError."""
    if not request.can_read_body:
        return {}
    try:
        return await request.json()
    except ValueError:
        raise InputError("the body is not JSON", "send a JSON object") from None
