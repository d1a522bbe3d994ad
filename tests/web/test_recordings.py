"""Playing a recording as a browser's audio element asks for it: in parts, and whole."""

import base64
import os
from pathlib import Path

import pytest
from aiohttp import ClientError

from dialer.adapters.encryption import PART_BYTES, Keys
from dialer.calls.recording import Recording, What
from tests.web.test_api import WITH, Site

CALL = "dla-" + "1" * 26
SOUND = os.urandom(2 * PART_BYTES + 44)
LAST = len(SOUND) - 1


@pytest.fixture(params=["plain", "encrypted"])
async def site(request):
    async with Site() as site:
        files, now = site.files, site.house.clock.now()
        (Path(site.folder.name) / f"{CALL}.wav").write_bytes(SOUND)
        await site.house.recordings.keep(Recording(CALL, now, now, len(SOUND), "ab" * 32))
        if request.param == "encrypted":
            files._keys = Keys(base64.b64encode(bytes(32)).decode(), "keys")
            files.keep(CALL)
        yield site


async def get(site, asked=None, method="GET", by="anna"):
    headers = WITH | ({"Range": asked} if asked else {})
    response = await site.client.request(method, f"/api/v1/recordings/{CALL}?by={by}", headers=headers)
    return response.status, response.headers, await response.read()


async def test_the_whole_of_it_says_that_parts_may_be_asked_for(site):
    status, headers, body = await get(site)
    assert (status, body) == (200, SOUND)
    assert (headers["Content-Type"], headers["Accept-Ranges"]) == ("audio/wav", "bytes")
    assert "Content-Range" not in headers


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, LAST),  # what a browser asks first
        ("bytes=0-1", 0, 1),
        (f"bytes={PART_BYTES - 1}-{PART_BYTES + 1}", PART_BYTES - 1, PART_BYTES + 1),
        (f"bytes={PART_BYTES}-", PART_BYTES, LAST),
        ("bytes=-100", LAST - 99, LAST),
        (f"bytes=10-{LAST + 1000}", 10, LAST),
    ],
)
async def test_a_part_of_it(site, asked, first, last):
    status, headers, body = await get(site, asked)
    assert (status, body) == (206, SOUND[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"
    assert headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", [f"bytes={LAST + 1}-", "bytes=5-2", "lines=1-2"])
async def test_a_part_that_is_not_there(site, asked):
    status, headers, body = await get(site, asked)
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(SOUND)}")
    assert SOUND[:10] not in body
    assert What.FETCHED not in {moment.what for moment in await site.house.recordings.moments(CALL)}


async def test_who_listens_is_on_record_before_a_byte_is_sent(site):
    status, _, body = await get(site, method="HEAD")
    assert (status, body) == (200, b"")
    await get(site, "bytes=0-", by="vera")
    moments = [m.by for m in await site.house.recordings.moments(CALL) if m.what is What.FETCHED]
    assert moments == ["anna", "vera"]


async def test_of_a_recording_that_is_no_more_nothing_is_sent(site):
    site.files.delete(CALL)
    assert (await get(site))[0] == 404
    assert What.FETCHED not in {moment.what for moment in await site.house.recordings.moments(CALL)}


@pytest.mark.parametrize("site", ["encrypted"], indirect=True)
async def test_a_recording_that_is_damaged_in_its_middle_ends_the_connection_and_nothing_else_is_sent(site):
    path = site.files.find(CALL)
    sealed = bytearray(path.read_bytes())
    sealed[PART_BYTES + PART_BYTES // 2] ^= 1  # in the second part
    path.write_bytes(sealed)
    response = await site.client.get(f"/api/v1/recordings/{CALL}?by=anna", headers=WITH)
    assert (response.status, await response.content.readexactly(PART_BYTES)) == (200, SOUND[:PART_BYTES])
    with pytest.raises(ClientError):
        await response.read()
