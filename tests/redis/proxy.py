"""A wire that can be cut: between a ledger and its Redis."""

import asyncio
import contextlib


class Proxy:
    """Hands bytes on; loses replies, falls silent or leads elsewhere when told."""

    def __init__(self, port):
        self.target = port
        self.lose = 0
        """So many of the next requests that hold `word` are handed on, and the connection is cut before the reply."""
        self.word = b""
        self.lost = 0
        self._writers = set()
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self):
        """Every connection, at once."""
        for writer in self._writers:
            writer.transport.abort()

    def lead_to(self, port):
        """From now on another Redis answers here."""
        self.target = port
        self.cut()

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            try:
                back_reader, back = await asyncio.open_connection("127.0.0.1", self.target)
            except OSError:
                writer.transport.abort()
                return
            self._writers |= {writer, back}
            cut = asyncio.Event()
            replies = asyncio.create_task(self._replies(back_reader, writer, cut))
            try:
                while data := await reader.read(1 << 16):
                    losing = self.lose > 0 and self.word in data
                    if losing:
                        self.lose -= 1
                        cut.set()
                    back.write(data)
                    await back.drain()
            except OSError:
                pass
            finally:
                replies.cancel()
                await asyncio.gather(replies, return_exceptions=True)
                back.close()
                writer.close()
                self._writers -= {writer, back}

    async def _replies(self, reader, writer, cut):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if cut.is_set():
                    # Redis has done it: nobody hears of it
                    self.lost += 1
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
