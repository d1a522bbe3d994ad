"""The raw floor: a bare socket client that drives the same dialplan, with no gate, no record, no engine.

It only originates at a rate, redirects each answered call to a free seat, and takes the seat back. Whatever the
daemon costs beyond it is the daemon's own.
"""

import asyncio
from collections import deque
from itertools import count

_SERIAL = count(1)


class RawClient:
    """One AMI session."""

    def __init__(self, port: int, secret: str) -> None:
        self._port = port
        self._secret = secret
        self.seats: deque[int] = deque()
        self.seat_legs: dict[str, int] = {}
        self.busy: dict[str, int] = {}
        self.waiting: deque[str] = deque()
        self.in_flight: set[str] = set()
        self.placed = self.ended = self.bridged = 0

    async def start(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        self.send("Login", Username="dialer", Secret=self._secret, Events="on")
        self.task = asyncio.create_task(self._read())

    def send(self, action: str, *variables: str, **headers: str) -> None:
        lines = [f"Action: {action}", *(f"{key}: {value}" for key, value in headers.items())]
        lines += [f"Variable: {variable}" for variable in variables]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def call_seats(self, phones: list[str], first_seat: int = 1001) -> None:
        for seat, phone in enumerate(phones, start=first_seat):
            leg = f"dls-{next(_SERIAL):026d}"
            self.seat_legs[leg] = seat
            self.send(
                "Originate", ChannelId=leg, Channel=f"PJSIP/{phone}", Context="dialer-seat", Exten=str(seat),
                Priority="1", Timeout="20000", Async="true",
            )  # fmt: skip
        async with asyncio.timeout(60):
            while len(self.seats) < len(phones):
                await asyncio.sleep(0.05)

    def originate(self, number: str) -> None:
        leg = f"dla-{next(_SERIAL):026d}"
        self.in_flight.add(leg)
        self.placed += 1
        self.send(
            "Originate", f"DIALER_ATTEMPT={leg}", "DIALER_CLAIM_SECONDS=2.6", "DIALER_COMFORT=1",
            "DIALER_TREATMENT=drop", "DIALER_LANGUAGE=it",
            ChannelId=leg, Channel=f"PJSIP/{number}@trunk", Context="dialer-answered", Exten="s", Priority="1",
            Timeout="25000", CallerID="<+390694801234>", Async="true",
        )  # fmt: skip

    async def run(self, numbers: list[str], calls_per_second: float, seconds: float) -> None:
        """Place calls at the rate, never more lines than free seats, for some seconds; then wait for the rest."""
        loop = asyncio.get_running_loop()
        start, placed = loop.time(), 0
        while loop.time() - start < seconds:
            due = int((loop.time() - start) * calls_per_second) + 1
            while placed < due and numbers and len(self.seats) > len(self.in_flight) - len(self.busy):
                self.originate(numbers.pop())
                placed += 1
            await asyncio.sleep(0.005)
        async with asyncio.timeout(60):
            while self.in_flight:
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        for leg in self.seat_legs:
            self.send("Hangup", Channel=leg)
        await asyncio.sleep(1)
        self.task.cancel()
        self.writer.close()

    async def _read(self) -> None:
        while True:
            block = await self.reader.readuntil(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in block.decode(errors="replace").split("\r\n") if ": " in line)
            match headers.get("Event"):
                case "UserEvent":
                    self._user_event(headers)
                case "Hangup":
                    self._hang_up(headers["Uniqueid"])
                case "OriginateResponse" if headers.get("Response") == "Failure":
                    self._hang_up(headers["Uniqueid"])

    def _user_event(self, headers: dict[str, str]) -> None:
        match headers["UserEvent"]:
            case "DialerSeatIdle":
                self.seats.append(int(headers["Seat"]))
                while self.waiting and self.seats:
                    self._claim(self.waiting.popleft())
            case "DialerAnswered":
                if self.seats:
                    self._claim(headers["Attempt"])
                else:
                    self.waiting.append(headers["Attempt"])

    def _claim(self, leg: str) -> None:
        if leg in self.in_flight:
            seat = self.busy[leg] = self.seats.popleft()
            self.bridged += 1
            self.send("Redirect", Channel=leg, Context="dialer-connect", Exten=str(seat), Priority="1")

    def _hang_up(self, leg: str) -> None:
        if leg in self.in_flight:
            self.in_flight.discard(leg)
            self.busy.pop(leg, None)
            self.ended += 1
