"""What these tests share."""

import pytest

from tests.redis.house import PATIENT


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A machine that is busy with other tests is slow, not away. Who tests deadlines sets them."""
    for name, seconds in PATIENT.items():
        monkeypatch.setattr(name, seconds)


@pytest.fixture
def impatient(patient, monkeypatch):
    """Deadlines that are over soon, for who waits for them."""
    for name in PATIENT:
        monkeypatch.setattr(name, 1.0 if "PATIENCE" in name else 0.5)
