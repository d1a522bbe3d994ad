"""Agents' phones: what a configuration may call, and the section by which the PBX knows one."""

import re
from enum import StrEnum

from dialer.kernel.errors import InputError

_WORD = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_EXTENSION = r"[0-9]{2,6}|[A-Za-z][A-Za-z0-9_-]{0,31}"
"""Of another PBX: shorter than any public number, which a seat's call never reaches."""
ADDRESS = rf"^PJSIP/(?:(?:{_EXTENSION})@)?{_WORD}$"
"""A phone as `call_seat` takes it: one that registers with the PBX, or an extension of another PBX."""
_NAME = re.compile(_WORD)
_TAKEN = ("dialer-", "trunk", "global", "system")
"""How sections of the PBX begin that are no phone's."""


class Kind(StrEnum):
    """How a phone speaks with the PBX; each is a template of pjsip_dialer.conf."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    """Signalling by TLS, media by SRTP, both or nothing."""
    WEB = "web"
    """A browser: signalling by wss, media by DTLS-SRTP."""


_TEMPLATES = {
    Kind.UDP: "dialer-phone",
    Kind.TCP: "dialer-phone,dialer-phone-tcp",
    Kind.TLS: "dialer-phone,dialer-phone-tls",
    Kind.WEB: "dialer-phone,dialer-phone-web",
}


def endpoint_of(phone: str) -> str:
    """The PBX's section through which this phone is called."""
    return phone.removeprefix("PJSIP/").rpartition("@")[2]


def check_name(name: str) -> str:
    """The name, where a phone may bear it: it becomes a section and a file. Raises InputError."""
    if not _NAME.fullmatch(name):
        raise InputError(f"phone {name!r}: no name", "use letters, digits, - and _; begin with a letter or a digit")
    if name.lower().startswith(_TAKEN):
        raise InputError(f"phone {name!r}: begins as the PBX's own sections do", "choose another name, as anna")
    return name


def section(name: str, kind: Kind, secret: str) -> str:
    """What Asterisk includes: the endpoint, its password, the address under which it registers. Raises InputError."""
    check_name(name)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", secret):
        raise InputError("a phone's secret holds a sign that Asterisk's files give a meaning", "let one be generated")
    return (
        f"[{name}]({_TEMPLATES[kind]})\nauth = {name}\naors = {name}\n\n"
        f"[{name}](dialer-phone-auth)\nusername = {name}\npassword = {secret}\n\n"
        f"[{name}](dialer-phone-aor)\n"
    )
