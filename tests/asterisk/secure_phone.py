"""The SIP endpoint of the tests on a stream, with SRTP where it is TLS: it hears whom it hears through the cipher."""

import asyncio
import base64
import re
import secrets
import ssl

from pylibsrtp import Error, Policy, Session

from dialer.testing.sip import SipCall, SipEndpoint

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30


class SecureCall(SipCall):
    """Answers RTP/SAVP with a key of its own (RFC 4568). wire: frames as they came, before they were deciphered."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.wire = []
        self.key = secrets.token_bytes(KEY_BYTES)

    @property
    def offered(self):
        """The media line and the key of the offer, None where it has none."""
        line = re.search(r"^m=audio .*$", self.invite.body, re.MULTILINE)[0].strip()
        key = re.search(rf"^a=crypto:\d+ {SUITE} inline:([A-Za-z0-9+/=]+)", self.invite.body, re.MULTILINE)
        return line, base64.b64decode(key[1]) if key else None

    async def answer(self):
        _, key = self.offered
        if not await super().answer():
            return False
        if key is not None and not self.endpoint.in_clear:
            self._cipher(key)
        return True

    def _cipher(self, key):
        theirs = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND))
        ours = Session(Policy(key=self.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        hear, send = self._rtp.datagram_received, self._rtp_transport.sendto

        def received(data, address):
            self.wire.append(data)
            try:
                hear(theirs.unprotect(data), address)
            except Error:  # not for us, or not enciphered: it isn't heard
                return

        def sendto(data, address):
            send(ours.protect(data), address)

        self._rtp.datagram_received = received
        self._rtp_transport.sendto = sendto

    def _respond(self, code, body="", request=None):
        if body and not self.endpoint.in_clear:
            crypto = f"a=crypto:1 {SUITE} inline:{base64.b64encode(self.key).decode()}\r\n"
            body = body.replace("RTP/AVP", "RTP/SAVP") + crypto
        super()._respond(code, body, request)


class StreamPhone(SipEndpoint):
    """One phone, on TLS with SRTP or on TCP. in_clear: it answers with plain RTP, whatever it was offered."""

    def __init__(self, *arguments, in_clear=False, **named):
        super().__init__(*arguments, **named)
        self.in_clear = in_clear
        self.wire = ""
        self._writer = None

    async def connect(self, port, authority=None):
        """To the PBX, whose certificate `authority` must have signed; without one by TCP."""
        secure = {"ssl": ssl.create_default_context(cafile=authority), "server_hostname": "localhost"}
        reader, self._writer = await asyncio.open_connection(self.host, port, **(secure if authority else {}))
        self.wire = "TLS" if authority else "TCP"
        self.port = self._writer.get_extra_info("sockname")[1]
        self.start("signalling", self._read(reader, (self.host, port)))
        if self.voice is not None:
            self.start("media", self._speak())
        return self

    def vanish(self):
        """No BYE, no word: the machine lost its power."""
        for call in list(self.talking):
            call._rtp_transport.close()
        self.talking.clear()
        self._writer.transport.abort()

    async def close(self):
        await super().close()
        if self._writer is not None:
            self._writer.transport.abort()

    async def _read(self, reader, peer):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"^(?:content-length|l)\s*:\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
                self.datagram_received(head.lstrip() + await reader.readexactly(int(length[1]) if length else 0), peer)
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                return

    def send(self, datagram, addr):
        """What the endpoint says of UDP is said of this connection."""
        head, separator, body = datagram.partition(b"\r\n\r\n")
        ours = f"{self.host}:{self.port}".encode()
        wire = self.wire.encode()
        head = head.replace(b"SIP/2.0/UDP", b"SIP/2.0/" + wire)
        head = head.replace(ours + b">", ours + b";transport=" + wire.lower() + b">")
        if not self._writer.is_closing():
            self._writer.write(head + separator + body)

    def _incoming(self, invite, addr):
        user = re.search(r"sips?:([^@;>]+)@", invite.first)
        call = SecureCall(self, invite, addr, user[1] if user else "", secrets.token_hex(8))
        self.calls[call.call_id] = call
        self.send(self.response(invite, 100), addr)
        self.start("call", self._behaviour(call))
