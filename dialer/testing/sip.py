"""A small SIP endpoint: real signalling over UDP, real RTP, and it knows whom it hears.

It plays agents' phones and, in tests and benchmarks, debtors, who may ring the PBX, too. Each side sends
frames of one constant byte, its `voice`, so which voice arrives first, and when, is exact to one 20 ms frame.
Requests and answers follow RFC 3261 as far as an Asterisk on loopback needs it: provisional and final answers,
repeated until acknowledged; ACK, BYE, CANCEL, OPTIONS, re-INVITE; registration with digest authentication.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dialer.kernel.errors import AwayError, RefusedError

FRAME_SECONDS = 0.02
FRAME_BYTES = 160
PCMU, PCMA, DTMF = 0, 8, 101
DIGITS = "0123456789*#"
DIGIT_FRAMES = 8
REGISTER_SECONDS = 5.0
REPEAT_SECONDS = 0.5
DIAL_SECONDS = 30.0
MOST_REPEATS = 7
REASONS = {180: "Ringing", 183: "Session Progress", 200: "OK", 404: "Not Found", 480: "Temporarily Unavailable",
           481: "Call Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 500: "Server Error",
           501: "Not Implemented", 503: "Service Unavailable", 603: "Decline"}  # fmt: skip
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
}

Behaviour = Callable[["SipCall"], Awaitable[None]]


@dataclass(slots=True)
class Message:
    """One SIP message: its first line, its headers by lower-case name (several values a list), its body."""

    first: str
    headers: dict[str, list[str]]
    body: str

    def get(self, name: str) -> str:
        return self.headers.get(name, [""])[0]


def parse(raw: bytes) -> Message | None:
    """The message in a datagram; None for a keep-alive or rubbish."""
    head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
    lines = head.split("\r\n")
    if " " not in lines[0]:
        return None
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return Message(lines[0], headers, body)


def _linear(code: int) -> int:
    """The absolute 13-bit amplitude of an A-law octet (ITU-T G.711)."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    return (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)


_A_LAW = tuple(_linear(code) for code in range(256))


class _Rtp(asyncio.DatagramProtocol):
    """One call's media: counts frames, notes when each voice was first heard, and if asked how loud each frame was."""

    def __init__(self, endpoint: "SipEndpoint") -> None:
        self.first_heard: dict[int, float] = {}
        self.frames = 0
        self.levels: list[tuple[float, float]] = []
        self._endpoint = endpoint
        self._last = -1

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        self.frames += 1
        if self._endpoint.measures and len(data) > 12 and data[1] & 0x7F == PCMA:
            self.levels.append((time.time(), sum(_A_LAW[octet] for octet in data[12:]) / (len(data) - 12)))
        if len(data) > 12:
            voice = data[12]
            if data[-1] != voice:
                self._endpoint.sounded_at = asyncio.get_running_loop().time()
            elif voice != self._last:
                self._last = voice
                self.first_heard.setdefault(voice, time.time())


@dataclass(eq=False)
class SipCall:
    """One call at an endpoint. Instants are epoch seconds."""

    endpoint: "SipEndpoint"
    invite: Message
    peer: tuple[str, int]
    number: str
    tag: str
    rung_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by_us: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    voice: int | None = None
    """Its own, where it isn't the endpoint's."""
    _rtp: _Rtp | None = None
    _rtp_transport: asyncio.DatagramTransport | None = None
    _media_peer: tuple[str, int] | None = None
    _payload: int = PCMA
    _sequence: int = 0
    _acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    _sdp: str = ""
    _last_answer: bytes = b""
    _bye_sequence: int = 1
    _answers: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    @property
    def call_id(self) -> str:
        return self.invite.get("call-id")

    @property
    def heard(self) -> dict[int, float]:
        """Each voice that arrived, with the instant of its first frame."""
        return self._rtp.first_heard if self._rtp else {}

    @property
    def levels(self) -> list[tuple[float, float]]:
        """The instant and the mean amplitude of each frame, where the endpoint measures them (A-law)."""
        return self._rtp.levels if self._rtp else []

    @property
    def frames(self) -> int:
        """RTP frames that arrived."""
        return self._rtp.frames if self._rtp else 0

    def ring(self, code: int = 180) -> None:
        """Send a provisional answer."""
        if not self.ended.is_set():
            self.rung_at = self.rung_at or time.time()
            self._respond(code)

    async def answer(self) -> bool:
        """Pick up; False where the caller was gone already."""
        if self.ended.is_set():
            return False
        self._meet()
        await self._open_media()
        self.answered_at = time.time()
        self._respond(200, self._sdp)
        self.endpoint.talking.add(self)
        self.endpoint.start("acknowledgement", self._repeat_until_acknowledged())
        return True

    def _meet(self) -> None:
        """Where the other side wants its media."""
        offer = self.invite.body
        address = re.search(r"^c=IN IP4 ([0-9.]+)", offer, re.MULTILINE)
        media = re.search(r"^m=audio (\d+) \S+ ([0-9 ]+)", offer, re.MULTILINE)
        if address and media:
            self._media_peer = (address[1], int(media[1]))
            offered = [int(number) for number in media[2].split()]
            self._payload = next((number for number in offered if number in (PCMA, PCMU)), PCMA)

    async def _open_media(self) -> None:
        loop = asyncio.get_running_loop()
        self._rtp_transport, self._rtp = await loop.create_datagram_endpoint(
            lambda: _Rtp(self.endpoint), local_addr=(self.endpoint.host, 0)
        )
        port = self._rtp_transport.get_extra_info("sockname")[1]
        name = "PCMA" if self._payload == PCMA else "PCMU"
        self._sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {self.endpoint.host}\r\ns=-\r\nc=IN IP4 {self.endpoint.host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {self._payload} {DTMF}\r\na=rtpmap:{self._payload} {name}/8000\r\n"
            f"a=rtpmap:{DTMF} telephone-event/8000\r\na=fmtp:{DTMF} 0-16\r\na=sendrecv\r\n"
        )

    async def dial(self, caller: str) -> None:
        """Ring the peer from a number ("anonymous": withheld) until it answers. Raises RefusedError, AwayError."""
        await self._open_media()
        endpoint, branch = self.endpoint, f"z9hG4bK{secrets.token_hex(8)}"
        target = f"sip:{self.number}@{self.peer[0]}:{self.peer[1]}"

        def request(method: str, to: str, via: str) -> bytes:
            body = self._sdp if method == "INVITE" else ""
            lines = [
                f"{method} {target} SIP/2.0",
                f"Via: SIP/2.0/UDP {endpoint.host}:{endpoint.port};rport;branch={via}",
                "Max-Forwards: 70",
                f"From: <sip:{caller}@{endpoint.host}>;tag={self.tag}",
                f"To: {to}",
                f"Call-ID: {self.call_id}",
                f"CSeq: 1 {method}",
                f"Contact: <sip:{endpoint.name}@{endpoint.host}:{endpoint.port}>",
                "Content-Type: application/sdp",
                f"Content-Length: {len(body)}",
            ]
            return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

        endpoint.send(request("INVITE", f"<{target}>", branch), self.peer)
        answer = None
        async with asyncio.timeout(DIAL_SECONDS):
            while answer is None or answer.first.startswith("SIP/2.0 1"):
                try:
                    async with asyncio.timeout(None if answer else REPEAT_SECONDS):
                        answer = await self._answers.get()
                except TimeoutError:
                    endpoint.send(request("INVITE", f"<{target}>", branch), self.peer)
        taken = answer.first.startswith("SIP/2.0 2")
        endpoint.send(
            request("ACK", answer.get("to"), f"z9hG4bK{secrets.token_hex(8)}" if taken else branch), self.peer
        )
        if not taken:
            self._end(by_us=False)
            raise RefusedError(f"the PBX refuses the call: {answer.first[8:]}")
        # the dialogue as its other side would have begun it: what ends a call that came in then ends this one, too
        self.invite = Message(
            answer.first,
            {"from": [answer.get("to")], "to": [f"<sip:{caller}@{endpoint.host}>"], "contact": [answer.get("contact")],
             "call-id": [self.call_id]},
            answer.body,
        )  # fmt: skip
        self._meet()
        self.answered_at = time.time()
        endpoint.talking.add(self)

    def reject(self, code: int) -> None:
        """Refuse the call."""
        if not self.ended.is_set() and self.answered_at is None:
            self._respond(code)
            self._end(by_us=True)

    def hang_up(self) -> None:
        """End an answered call."""
        if self.ended.is_set() or self.answered_at is None:
            return
        self._bye_sequence += 1
        target = re.search(r"<?(sip:[^>;]+)", self.invite.get("contact"))
        lines = [
            f"BYE {target[1] if target else 'sip:pbx'} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.endpoint.host}:{self.endpoint.port};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: {self.invite.get('to')};tag={self.tag}",
            f"To: {self.invite.get('from')}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self._bye_sequence} BYE",
            "Content-Length: 0",
        ]
        self.endpoint.send(("\r\n".join(lines) + "\r\n\r\n").encode(), self.peer)
        self._end(by_us=True)

    def _respond(self, code: int, body: str = "", request: Message | None = None) -> None:
        answer = self.endpoint.response(request or self.invite, code, body, self.tag)
        if request is None:
            self._last_answer = answer
        self.endpoint.send(answer, self.peer)

    async def _repeat_until_acknowledged(self) -> None:
        pause = REPEAT_SECONDS
        for _ in range(MOST_REPEATS):
            try:
                await asyncio.wait_for(self._acknowledged.wait(), pause)
                return
            except TimeoutError:
                self.endpoint.send(self._last_answer, self.peer)
                pause = min(4.0, pause * 2)

    def _end(self, *, by_us: bool) -> None:
        if self.ended.is_set():
            return
        self.ended_at = time.time()
        self.ended_by_us = by_us
        self.ended.set()
        self._acknowledged.set()
        self.endpoint.talking.discard(self)
        if self._rtp_transport is not None:
            self._rtp_transport.close()

    def send_frame(self, voice: int) -> None:
        """Send one frame of speech."""
        self._send_rtp(self._payload, bytes((voice,)) * FRAME_BYTES)

    async def press(self, key: str) -> None:
        """Press a key of the phone (RFC 4733 telephone events)."""
        started = self._sequence
        for frame in range(1, DIGIT_FRAMES + 4):
            end = 0x80 if frame > DIGIT_FRAMES else 0  # the end is said three times
            length = min(frame, DIGIT_FRAMES) * FRAME_BYTES
            event = bytes((DIGITS.index(key), end | 10)) + length.to_bytes(2, "big")
            self._send_rtp(DTMF, event, timestamp=started * FRAME_BYTES)
            await asyncio.sleep(FRAME_SECONDS)

    def _send_rtp(self, payload: int, data: bytes, timestamp: int | None = None) -> None:
        if self._rtp_transport is None or self._media_peer is None or self._rtp_transport.is_closing():
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = (
            bytes((0x80, payload))
            + self._sequence.to_bytes(2, "big")
            + (self._sequence * FRAME_BYTES if timestamp is None else timestamp).to_bytes(4, "big")
            + b"dial"
        )
        self._rtp_transport.sendto(header + data, self._media_peer)


class SipEndpoint(asyncio.DatagramProtocol):
    """One SIP address. `behaviour` is run for each call that comes in.

    voice: the byte that its frames carry; None sends no media at all. measures: keeps the level of each frame heard. frame_seconds: between two frames; a seldom frame
    only keeps the line alive.
    """

    def __init__(
        self,
        name: str,
        behaviour: Behaviour,
        *,
        voice: int | None,
        host: str = "127.0.0.1",
        measures: bool = False,
        frame_seconds: float = FRAME_SECONDS,
    ) -> None:
        self.measures = measures
        self.frame_seconds = frame_seconds
        self.name = name
        self.host = host
        self.port = 0
        self.voice = voice
        self.sounded_at = 0.0
        """The loop's time of the last frame that was no constant byte: not silence, and nobody's `voice`."""
        self.calls: dict[str, SipCall] = {}
        self.talking: set[SipCall] = set()
        self._behaviour = behaviour
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._register_answer: asyncio.Future[Message] | None = None
        self._register_sequence = 0

    async def start_listening(self, port: int = 0) -> "SipEndpoint":
        """Open the socket; `port` says on which port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, port))
        self.port = self._transport.get_extra_info("sockname")[1]
        if self.voice is not None:
            self.start("media", self._speak())
        return self

    async def close(self) -> None:
        """Hang up everything and close the socket."""
        for call in list(self.talking):
            call.hang_up()
        await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls.values():
            call._end(by_us=True)  # noqa: SLF001 -- its own endpoint closes
        if self._transport is not None:
            self._transport.close()

    def start(self, name: str, work: "Awaitable[None]") -> None:
        """Run something beside; a failure is shown by the loop's handler."""

        async def run() -> None:
            await work

        task = asyncio.get_running_loop().create_task(run(), name=f"{self.name} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- signalling -------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        if message is None:
            return
        if message.first.startswith("SIP/2.0"):
            if "REGISTER" in message.get("cseq") and self._register_answer and not self._register_answer.done():
                self._register_answer.set_result(message)
            elif "INVITE" in message.get("cseq") and (dialled := self.calls.get(message.get("call-id"))):
                dialled._answers.put_nowait(message)  # noqa: SLF001
            return
        method = message.first.split(" ", 1)[0]
        call = self.calls.get(message.get("call-id"))
        match method:
            case "INVITE" if call is None:
                self._incoming(message, addr)
            case "INVITE" if call is not None:
                self._invite_again(call, message)
            case "ACK":
                if call is not None:
                    call._acknowledged.set()  # noqa: SLF001
            case "CANCEL":
                self.send(self.response(message, 200), addr)
                if call is not None and call.answered_at is None and not call.ended.is_set():
                    call.cancelled = True
                    call._respond(487)  # noqa: SLF001
                    call._end(by_us=False)  # noqa: SLF001
            case "BYE":
                self.send(self.response(message, 200 if call else 481), addr)
                if call is not None:
                    call._end(by_us=False)  # noqa: SLF001
            case "OPTIONS":
                self.send(self.response(message, 200), addr)
            case _:
                self.send(self.response(message, 501), addr)

    async def call(self, number: str, pbx: tuple[str, int], caller: str = "anonymous") -> SipCall:
        """Ring a number at the PBX, as somebody with this number; returns once it answers. Raises as `SipCall.dial`."""
        call_id = secrets.token_hex(12)
        call = SipCall(self, Message("", {"call-id": [call_id]}, ""), pbx, number, secrets.token_hex(8))
        self.calls[call_id] = call
        await call.dial(caller)
        return call

    def _incoming(self, invite: Message, addr: tuple[str, int]) -> None:
        user = re.search(r"sips?:([^@;>]+)@", invite.first)
        call = SipCall(self, invite, addr, user[1] if user else "", secrets.token_hex(8))
        self.calls[call.call_id] = call
        self.send(self.response(invite, 100), addr)
        self.start("call", self._behaviour(call))

    def _invite_again(self, call: SipCall, message: Message) -> None:
        if message.get("cseq") == call.invite.get("cseq"):  # repeated: we were not heard
            if call._last_answer:  # noqa: SLF001
                self.send(call._last_answer, call.peer)  # noqa: SLF001
        else:
            call._respond(200, call._sdp, message)  # noqa: SLF001

    def response(self, request: Message, code: int, body: str = "", tag: str = "") -> bytes:
        """A response to `request`."""
        to = request.get("to")
        if tag and code > 100 and ";tag=" not in to:
            to += f";tag={tag}"
        lines = [f"SIP/2.0 {code} {REASONS.get(code, 'Trying')}"]
        lines += [f"Via: {via}" for via in request.headers.get("via", [])]
        lines += [f"Record-Route: {route}" for route in request.headers.get("record-route", [])]
        lines += [
            f"From: {request.get('from')}",
            f"To: {to}",
            f"Call-ID: {request.get('call-id')}",
            f"CSeq: {request.get('cseq')}",
            f"Contact: <sip:{self.name}@{self.host}:{self.port}>",
            f"Content-Length: {len(body)}",
        ]
        if body:
            lines.insert(-1, "Content-Type: application/sdp")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def send(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(datagram, addr)

    async def register(self, registrar: tuple[str, int], password: str) -> None:
        """Make this address known to the PBX. Raises RefusedError, AwayError."""
        challenge = await self._register_once(registrar, "")
        if challenge.first.startswith("SIP/2.0 401"):
            authorization = self._digest(challenge.get("www-authenticate"), registrar, password)
            challenge = await self._register_once(registrar, authorization)
        if not challenge.first.startswith("SIP/2.0 200"):
            raise RefusedError(f"the PBX refuses the phone {self.name}: {challenge.first[8:]}")

    async def _register_once(self, registrar: tuple[str, int], authorization: str) -> Message:
        self._register_sequence += 1
        self._register_answer = asyncio.get_running_loop().create_future()
        host, port = registrar
        lines = [
            f"REGISTER sip:{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: <sip:{self.name}@{host}>;tag={secrets.token_hex(6)}",
            f"To: <sip:{self.name}@{host}>",
            f"Call-ID: register-{self.name}",
            f"CSeq: {self._register_sequence} REGISTER",
            f"Contact: <sip:{self.name}@{self.host}:{self.port}>",
            "Expires: 3600",
            "Content-Length: 0",
        ]
        if authorization:
            lines.insert(-1, f"Authorization: {authorization}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode(), registrar)
        try:
            return await asyncio.wait_for(self._register_answer, REGISTER_SECONDS)
        except TimeoutError:
            raise AwayError(f"the PBX doesn't answer the phone {self.name}") from None

    def _digest(self, challenge: str, registrar: tuple[str, int], password: str) -> str:
        """RFC 7616 with MD5 and qop=auth, which is what Asterisk asks for."""
        asked = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        uri, nonce, cnonce, count = (
            f"sip:{registrar[0]}:{registrar[1]}",
            asked["nonce"],
            secrets.token_hex(8),
            "00000001",
        )

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        user = md5(f"{self.name}:{asked['realm']}:{password}")
        response = md5(f"{user}:{nonce}:{count}:{cnonce}:auth:{md5(f'REGISTER:{uri}')}")
        opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
        return (
            f'Digest username="{self.name}", realm="{asked["realm"]}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc={count}, cnonce="{cnonce}"{opaque}'
        )

    # -- media ------------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """Send a frame of every call each 20 ms, catching up after a late wake-up."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self.frame_seconds, loop.time() - 10 * self.frame_seconds)
            await asyncio.sleep(max(0.0, due - loop.time()))
            for call in list(self.talking):
                call.send_frame(call.voice or self.voice or 0)


async def pick_up(call: SipCall) -> None:
    """The behaviour of an agent's phone that answers by itself."""
    call.ring()
    await call.answer()
