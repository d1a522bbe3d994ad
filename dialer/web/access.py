"""Who may ask what by the interface: named tokens, what each may do, and whose cases it may see.

Who signs in as a person comes later: then a session gives a Holder as a token does, and nothing else changes.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from dialer.kernel.errors import DialerError

TOKEN_BYTES = 32
REFUSED = "refused: not of its creditors"
"""How a case was not shown, among those who looked at it."""
_HEARD = ("/api/v1/supervisors/", "/api/v1/listenings")
_TOLD = frozenset({"/api/v1/ledger", "/api/v1/payments", "/api/v1/letters"})
_OF_ALL = frozenset(
    {("GET", "/api/v1/reloads"), ("POST", "/api/v1/reloads"), ("POST", "/api/v1/campaigns/{campaign}/tune")}
)
"""What tells or changes every creditor's terms."""

log = structlog.get_logger(__name__)


class Scope(StrEnum):
    """What a token may do; none brings another."""

    READ = "read"
    """Look at cases, the floor and its figures."""
    WORK = "work"
    """Work as an agent: log in, take calls, write them up."""
    TELL = "tell"
    """Tell what happened elsewhere: contacts, flags, payments, letters."""
    LISTEN = "listen"
    """Listen to agents, and see who did."""
    SUPERVISE = "supervise"
    """Command campaigns, decide what comes next in a case."""


def refuse_limited_seat(scopes: Collection[Scope], creditors: Collection[str] | None) -> None:
    """Raises ValueError: a seat takes the calls of its campaigns, whosever they are."""
    if creditors is not None and (whole := sorted({Scope.WORK, Scope.LISTEN}.intersection(scopes))):
        raise ValueError(
            f"creditors: the scope {whole[-1].value} can't be limited to some, as a seat takes every call of its campaigns: "
            "leave creditors out, and name in [[agents]] campaigns of these creditors alone; or leave the scope out"
        )


class ForbiddenError(DialerError):
    """The token may not do this, or not in this case."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is. digest: SHA-256 of the token, in hex. creditors: whose cases it may see; None = everybody's.

    name: empty for the one token that the daemon itself and its command line share.
    """

    name: str
    digest: str
    scopes: frozenset[Scope] = frozenset(Scope)
    creditors: frozenset[str] | None = None

    def sees(self, creditor: str) -> bool:
        """Whether this creditor's cases may be shown."""
        return self.creditors is None or creditor in self.creditors

    def signs(self, by: str) -> str:
        """Who looks, for the record: who says so, and by whose token."""
        return f"{by} via {self.name}" if self.name and by != self.name else by


def digest_of(token: bytes) -> str:
    """What the configuration holds in a token's place. A token is 256 random bits: it needs no slow hash."""
    return hashlib.sha256(token).hexdigest()


def new_token() -> str:
    """A token, for whoever is to hold it: kept nowhere."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def scope_of(method: str, route: str) -> Scope:
    """What a route needs; one that nobody thought of needs the most."""
    if route.startswith("/api/v1/agents/"):
        return Scope.WORK
    if route.startswith(_HEARD):
        return Scope.LISTEN
    if route in _TOLD:
        return Scope.TELL
    return Scope.READ if method in ("GET", "HEAD") else Scope.SUPERVISE


class Access:
    """Every request is held against its token here, and nowhere else."""

    def __init__(
        self,
        holders: Iterable[Holder],
        creditor_of: Callable[[int], Awaitable[str]],
        refused: Callable[[int, str, str], Awaitable[None]],
    ) -> None:
        self.holders = tuple(holders)
        self._creditor_of = creditor_of
        self._refused = refused

    def holder(self, authorization: str) -> Holder | None:
        """Whose token a request brings; None where it brings none that is known."""
        scheme, _, token = authorization.partition(" ")
        sent = digest_of(token.encode(errors="surrogateescape"))  # a header's bytes, whatever they are
        found = [holder for holder in self.holders if hmac.compare_digest(sent, holder.digest)]
        return found[0] if found and scheme == "Bearer" else None

    def route(self, holder: Holder, method: str, route: str) -> None:
        """Raises ForbiddenError where the token may not do what the route does; that is logged."""
        needed = scope_of(method, route)
        if needed not in holder.scopes:
            log.warning("api.refused", token=holder.name, scope=needed.value, route=route)
            raise ForbiddenError(
                f"the token {holder.name} lacks the scope {needed.value}",
                "use another, or add the scope to [[api.tokens]]",
            )
        if holder.creditors is not None and (method, route) in _OF_ALL:
            log.warning("api.refused", token=holder.name, scope="", route=route)
            raise ForbiddenError(
                f"the configuration is every creditor's, and the token {holder.name} is for some alone",
                "use a token of all creditors",
            )

    async def case(self, holder: Holder, case_id: int) -> None:
        """Raises ForbiddenError where the case isn't one of the token's creditors; that stands among the looks at it."""
        if holder.creditors is None:
            return
        try:
            creditor = await self._creditor_of(case_id)
        except LookupError:
            return  # who asks for it says that there is none
        if not holder.sees(creditor):
            await self._refused(case_id, holder.name, REFUSED)
            raise _not_theirs(holder)

    def for_all(self, holder: Holder) -> None:
        """Raises ForbiddenError where the token isn't for every creditor; that is logged."""
        if holder.creditors is not None:
            log.warning("api.refused", token=holder.name, scope="", route="opt-out")
            raise ForbiddenError(
                f"the number's opt-out holds for every creditor, and the token {holder.name} is for some alone",
                "use a token of all creditors to lift or limit it; to set it, leave `until` out",
            )

    async def report(self, holder: Holder, asked: Mapping[str, str]) -> None:
        """Raises ForbiddenError where the report that is asked for may tell of cases that aren't of the token's creditors."""
        if holder.creditors is None:
            return
        if asked.get("case", "").strip().isdecimal():  # what is no number is no case: the report says so
            await self.case(holder, int(asked["case"]))
        else:
            self.creditor(holder, asked.get("creditor"))

    def creditor(self, holder: Holder, creditor: object) -> None:
        """Raises ForbiddenError where it isn't one of the token's creditors; that is logged."""
        if not holder.sees(str(creditor)):
            log.warning("api.refused", token=holder.name, scope="", route="creditor")
            raise _not_theirs(holder)


def _not_theirs(holder: Holder) -> ForbiddenError:
    return ForbiddenError(
        f"the token {holder.name} is for other creditors", "use another, or add the creditor to [[api.tokens]]"
    )
