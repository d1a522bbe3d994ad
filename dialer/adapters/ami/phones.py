"""What the PBX knows of an agent's phone, asked with no more rights than the engine has."""

from dataclasses import dataclass
from enum import StrEnum

from dialer.adapters.ami.link import AmiLink
from dialer.kernel.errors import PbxRefusedError

_ADDRESSES = 8
"""Of one phone, at most: its template allows one."""


class Reach(StrEnum):
    """Whether a call would find the phone."""

    UNKNOWN = "unknown to Asterisk"
    AWAY = "not registered"
    SILENT = "doesn't answer"
    """It registered, or has a fixed address, and doesn't answer Asterisk's OPTIONS."""
    HERE = "reached"
    """It is registered, or has a fixed address, and answers where it is asked."""


@dataclass(frozen=True, slots=True)
class SeenPhone:
    """An endpoint of the PBX. encryption: of its media (`no`, `sdes`, `dtls`)."""

    endpoint: str
    reach: Reach
    transport: str = ""
    encryption: str = ""
    codecs: tuple[str, ...] = ()


async def look(link: AmiLink, endpoint: str) -> SeenPhone:
    """Ask the PBX. Raises what the link raises, and PbxRefusedError where the user may not ask."""
    aors = await _value(link, f"PJSIP_ENDPOINT({endpoint},aors)")
    if not aors:
        return SeenPhone(endpoint, Reach.UNKNOWN)
    contacts = [one for aor in aors.split(",") for one in (await _value(link, f"PJSIP_AOR({aor},contact)")).split(",")]
    statuses = [await _value(link, f"PJSIP_CONTACT({one},status)") for one in contacts[:_ADDRESSES] if one]
    silent = all(status == "Unreachable" for status in statuses)
    return SeenPhone(
        endpoint,
        (Reach.SILENT if silent else Reach.HERE) if statuses else Reach.AWAY,
        await _value(link, f"PJSIP_ENDPOINT({endpoint},transport)"),
        await _value(link, f"PJSIP_ENDPOINT({endpoint},media_encryption)"),
        tuple((await _value(link, f"PJSIP_ENDPOINT({endpoint},allow)")).strip("()").split("|")),
    )


async def prove(link: AmiLink, trunk: str) -> None:
    """Whether the PBX says anything of endpoints at all. Raises PbxRefusedError."""
    if not await _value(link, f"PJSIP_ENDPOINT({trunk},aors)"):
        raise PbxRefusedError(
            f"Asterisk knows no endpoint {trunk}, or doesn't say what endpoints it knows",
            "put the trunk in pjsip_trunk.conf; load func_pjsip_endpoint.so, func_pjsip_aor.so, func_pjsip_contact.so",
        )


async def _value(link: AmiLink, expression: str) -> str:
    answer = await link.request({"Action": "Getvar", "Variable": expression})
    if not answer.success:
        raise PbxRefusedError(f"Asterisk refuses Getvar: {answer.message}", "the AMI user needs write = reporting")
    return str(answer.get("value", ""))
