"""What must survive a restart of the floor: who is logged in, and whether each campaign dials."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import campaign_states, sessions
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.agents.session import SavedSession
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
