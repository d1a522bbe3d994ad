"""A phone such as a browser has: SIP by wss, media by ICE, DTLS-SRTP and opus (aiortc); it knows whether it hears a voice."""

import asyncio
import fractions
import re
import secrets
import ssl
import time

import aiohttp
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from dialer.testing.sip import SipCall, SipEndpoint, pick_up

RATE_HZ, FRAME_SECONDS, TONE_HZ = 48_000, 0.02, 1_000
SAMPLES = int(RATE_HZ * FRAME_SECONDS)
LOUD = 2_000
"""Mean amplitude of a frame: the tones here are far above it, silence and comfort noise far below."""
TONE = bytes((0xD5, 0xB2, 0xBF, 0xB2, 0xD5, 0x32, 0x3F, 0x32)) * 20
"""1 kHz in A-law, one frame."""


class _Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self._frames = 0
        self._started = time.monotonic()

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(max(0.0, self._started + self._frames * FRAME_SECONDS - time.monotonic()))
        at = np.arange(SAMPLES) + self._frames * SAMPLES
        wave = (12_000 * np.sin(2 * np.pi * TONE_HZ * at / RATE_HZ)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._frames * SAMPLES, fractions.Fraction(1, RATE_HZ)
        self._frames += 1
        return frame


class WebCall(SipCall):
    """loud, quiet: frames heard with a voice in them, and without."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.loud = self.quiet = 0
        self.peer_connection = RTCPeerConnection()

    @property
    def codec(self):
        """What was agreed on: the first of the answer."""
        first = re.search(r"^m=audio \d+ \S+ (\d+)", self._sdp, re.MULTILINE)[1]
        return re.search(rf"^a=rtpmap:{first} (\w+)/", self._sdp, re.MULTILINE)[1]

    async def answer(self):
        peer = self.peer_connection
        peer.on("track", lambda track: self.endpoint.start("ear", self._listen(track)))
        await peer.setRemoteDescription(RTCSessionDescription(self.invite.body, "offer"))
        peer.addTrack(_Tone())
        await peer.setLocalDescription(await peer.createAnswer())
        self._sdp = peer.localDescription.sdp
        self.answered_at = time.time()
        self._respond(200, self._sdp)
        return True

    async def _listen(self, track):
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if np.abs(frame.to_ndarray().astype(int)).mean() > LOUD:
                self.loud += 1
            else:
                self.quiet += 1


class WebPhone(SipEndpoint):
    """One phone; it picks up by itself."""

    def __init__(self, name, port, authority):
        super().__init__(name, pick_up, voice=None)
        self._url = f"wss://localhost:{port}/ws"
        self._trust = ssl.create_default_context(cafile=authority)
        self._out = asyncio.Queue()

    async def __aenter__(self):
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(self._url, protocols=("sip",), ssl=self._trust)
        self.start("read", self._read())
        self.start("write", self._write())
        return self

    async def __aexit__(self, *exc):
        await self.vanish()
        await self.close()
        await self._session.close()

    async def vanish(self):
        """No BYE, no word."""
        for call in self.calls.values():
            await call.peer_connection.close()
        await self._socket.close()

    def send(self, datagram, addr):
        """What the endpoint says of UDP is said of this connection."""
        text = datagram.decode().replace("SIP/2.0/UDP", "SIP/2.0/WSS")
        self._out.put_nowait(re.sub(r"(Contact: <[^>]*)>", r"\1;transport=ws>", text))

    async def _write(self):
        while True:
            await self._socket.send_str(await self._out.get())

    async def _read(self):
        async for message in self._socket:
            data = message.data if isinstance(message.data, bytes) else message.data.encode()
            self.datagram_received(data, ("127.0.0.1", 0))

    def _incoming(self, invite, addr):
        call = WebCall(self, invite, addr, self.name, secrets.token_hex(8))
        self.calls[call.call_id] = call
        self.send(self.response(invite, 100), addr)
        self.start("call", self._behaviour(call))
