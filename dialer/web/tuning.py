"""What may be changed while a campaign dials: bounds as in the configuration, null for as configured."""

from pydantic import BaseModel, ConfigDict, Field

from pacing import Mode


class TuneBody(BaseModel):
    """Only what is named changes. Channels and calls per second bound all trunks together, for every campaign."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode | None = None
    abandonment_target: float | None = Field(None, gt=0, lt=1)
    abandonment_cap: float | None = Field(None, gt=0, lt=1)
    patience_seconds: float | None = Field(None, gt=0, le=10)
    channels: int | None = Field(None, ge=1, le=10_000)
    calls_per_second: float | None = Field(None, gt=0, le=1_000)
