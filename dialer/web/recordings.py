"""A recording to listen to: in parts where the player asks for them, as a browser's audio element does."""

import asyncio
from contextlib import ExitStack

import structlog
from aiohttp import web

from dialer.calls.recording import Recordings, RecordingSounds
from dialer.kernel.errors import DialerError, InputError, UnknownNameError
from dialer.kernel.ids import AttemptId

log = structlog.get_logger(__name__)


async def play(
    request: web.Request, attempt: AttemptId, by: str, recordings: Recordings, files: RecordingSounds
) -> web.StreamResponse:
    """Send it. `by`: who listens, which is on record before a byte is sent. Raises DialerError."""
    with ExitStack() as stack:
        try:
            sound, _ = await asyncio.to_thread(stack.enter_context, files.opened(attempt))
        except FileNotFoundError:
            raise UnknownNameError(
                "there is no recording of this call here", "dialer recordings list has them"
            ) from None
        except OSError as error:
            raise InputError(f"the recording can't be read: {error.strerror}", "see that the daemon may") from None
        size_bytes = sound.size_bytes
        try:
            start, stop, _ = request.http_range.indices(size_bytes)
        except ValueError:
            start = stop = size_bytes
        if start >= stop:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size_bytes}"})  # as RFC 9110 wants it
        await recordings.fetched(attempt, by)
        headers = {
            "Content-Type": "audio/wav",
            "Content-Length": str(stop - start),
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
        }
        partial = "Range" in request.headers
        if partial:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
        response = web.StreamResponse(status=206 if partial else 200, headers=headers)
        await response.prepare(request)
        pieces = sound.read(start, stop)
        try:
            while request.method != "HEAD" and (piece := await asyncio.to_thread(next, pieces, b"")):
                await response.write(piece)
        except ConnectionError:  # who listened left
            raise
        except (DialerError, OSError) as error:  # too late for an answer: the player sees that the rest is missing
            log.warning("recording.cut_off", attempt=attempt, error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response
