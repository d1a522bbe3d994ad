"""What must survive a restart of the floor: who is logged in, and whether each campaign dials."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import campaign_states, sessions, working_times
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.agents.session import SavedSession
from dialer.agents.working_time import Worked
from dialer.campaigns.campaign import CampaignState

_SESSION = upsert(sessions)
_SESSION = _SESSION.on_conflict_do_update(
    index_elements=["agent"],
    set_={name: _SESSION.excluded[name] for name in ("leg", "pause_reason", "wrapping", "since")},
)
_CAMPAIGN = upsert(campaign_states)
_CAMPAIGN = _CAMPAIGN.on_conflict_do_update(
    index_elements=["campaign"], set_={name: _CAMPAIGN.excluded[name] for name in ("state", "since")}
)
_WORKED = upsert(working_times)
_WORKED = _WORKED.on_conflict_do_update(
    index_elements=["agent", "began_at", "work"], set_={"microseconds": _WORKED.excluded.microseconds}
)
_FORGET_WORKED = delete(working_times).where(working_times.c.began_at < bindparam("before"))


class SqlFloor:
    """Sessions and campaign states on record. Every coroutine raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def save_session(self, session: SavedSession) -> None:
        """Write an agent's session as it stands, soon."""
        values = {
            "agent": session.agent,
            "leg": session.leg,
            "pause_reason": session.pause_reason,
            "wrapping": session.wrapping,
            "since": session.since,
        }
        self._writer.put(Write(5, _SESSION, values))

    def save_worked(self, worked: Worked) -> None:
        """Write how long an agent was at some work, soon."""
        values = {
            "agent": worked.agent,
            "began_at": worked.began_at,
            "work": worked.work.value,
            "microseconds": worked.spent // timedelta(microseconds=1),
        }
        self._writer.put(Write(5, _WORKED, values))

    def forget_worked(self, before: datetime) -> None:
        """Delete working times of quarters of an hour that began before, soon."""
        self._writer.put(Write(6, _FORGET_WORKED, {"before": before}))

    async def sessions(self) -> list[SavedSession]:
        """The sessions that were not logged out."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(sessions).where(sessions.c.leg.is_not(None)))
            return [SavedSession(row.agent, row.leg, row.pause_reason, row.wrapping, row.since) for row in rows]

    async def save_campaign_state(self, campaign: str, state: CampaignState, since: datetime) -> None:
        """Return once the state is durable: a halt survives any crash. Raises AwayError."""
        values = {"campaign": campaign, "state": state.value, "since": since}
        await self._writer.commit(Write(5, _CAMPAIGN, values))

    async def campaign_states(self) -> dict[str, CampaignState]:
        """The last state of each campaign."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(campaign_states))
            return {row.campaign: CampaignState(row.state) for row in rows}
