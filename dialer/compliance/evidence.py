"""Decisions as evidence: each carries the digest of the one before, so that none can be changed or taken out unseen.

What names a person stands apart, under a salted digest: it can be erased later, and the chain still verifies.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dialer.compliance.verdict import Verdict

BEGINNING = "0" * 64
"""What the first decision of a chain follows."""


@dataclass(frozen=True, slots=True)
class Link:
    """One decision as it is kept.

    chain: the cell that decided. position: from 1 on, without a gap. content: what was decided and why, without
    personal data. subject, salt: about whom, None once it was erased.
    """

    chain: str
    position: int
    content: str
    subject_digest: str
    previous: str
    digest: str
    subject: str | None = None
    salt: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain is broken, and how."""

    chain: str
    position: int
    what: str


def link(chain: str, position: int, previous: str, content: str, subject: str, salt: str) -> Link:
    """The next link of a chain."""
    subject_digest = _digest(salt, subject)
    digest = _digest(previous, chain, str(position), content, subject_digest)
    return Link(chain, position, content, subject_digest, previous, digest, subject, salt)


def verify(links: Iterable[Link]) -> tuple[dict[str, tuple[int, str]], list[Fault]]:
    """Check links in order of chain and position: the head of each chain (position, digest), and every fault."""
    heads: dict[str, tuple[int, str]] = {}
    faults: list[Fault] = []
    for found in links:
        position, previous = heads.get(found.chain, (0, BEGINNING))
        if found.position != position + 1:
            faults.append(
                Fault(found.chain, found.position, f"decisions {position + 1} to {found.position - 1} missing")
            )
        elif found.previous != previous:
            faults.append(Fault(found.chain, found.position, "doesn't follow the one before"))
        if found.subject is not None and _digest(found.salt or "", found.subject) != found.subject_digest:
            faults.append(Fault(found.chain, found.position, "the person was changed"))
        content = _digest(found.previous, found.chain, str(found.position), found.content, found.subject_digest)
        if content != found.digest:
            faults.append(Fault(found.chain, found.position, "the decision was changed"))
        heads[found.chain] = (found.position, found.digest)
    return heads, faults


def content_of(verdict: Verdict, about: Mapping[str, Any]) -> str:
    """What was decided and why, as canonical JSON."""
    refusals = [
        {
            "reason": str(refusal.reason),
            "pack": refusal.pack,
            "rule": refusal.rule,
            "facts": refusal.facts,
            "count": refusal.count,
            "limit": refusal.limit,
            "not_before": refusal.not_before.isoformat() if refusal.not_before else None,
        }
        for refusal in verdict.refusals
    ]
    return canonical(
        {
            **about,
            "packs": verdict.versions,
            "refusals": refusals,
            "not_before": verdict.not_before.isoformat() if verdict.not_before else None,
        }
    )


def canonical(value: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
