"""Recordings on a real Asterisk: both sides are in them, what is paused is silent, and nothing depends on the engine."""

import asyncio
import base64
import json
import signal
import wave
from array import array
from collections import Counter

import aiohttp
import pytest

from bench import recordings as bench
from dialer.demo.stage import AGENT_VOICE, CALLER_ID
from tests.asterisk.stage import dialer, import_numbers, until
from tests.asterisk.test_by_ear import NUMBER, Ear

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(600)]
RECORDS = "ring_timeout_seconds = 20\nrecord = true"
AGENT = "/api/v1/agents/agent01"


def loudness(byte):
    """The sample that G.711 A-law means by one byte, of the louder ones."""
    byte ^= 0x55
    sample = (((byte & 0x0F) << 4) + 0x108) << (((byte & 0x70) >> 4) - 1)
    return sample if byte & 0x80 else -sample


VOICE = 0x95  # another sign than the agent's: together they are neither the one nor the other
LATE_SECONDS, MOST_OF_IT = 0.5, 0.8
BOTH = loudness(VOICE) + loudness(AGENT_VOICE)


def runs(file):
    """What is heard in turn, as (sample, seconds), of all that lasts one frame."""
    with wave.open(str(file)) as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    found = []
    for sample in samples:
        if found and found[-1][0] == sample:
            found[-1][1] += 1
        else:
            found.append([sample, 1])
    return [(sample, count / 8000) for sample, count in found if count >= 160]


def heard(file, folder, stereo):
    """The stretches of a recording; of one in stereo those of each side, on which nobody else is ever heard."""
    if not stereo:
        return [stretches(file)]
    voices = loudness(VOICE), loudness(AGENT_VOICE)
    sides = list(zip(tracks(file, folder), voices, strict=True))
    for side, voice in sides:
        assert {sample for sample, _ in runs(side)} <= {0, voice}
    return [stretches(side, voice) for side, voice in sides]


def tracks(file, folder):
    """A file of each side of a recording in stereo."""
    with wave.open(str(file)) as sound:
        assert sound.getnchannels() == 2
        samples = array("h", sound.readframes(sound.getnframes()))
    for place, name in enumerate(("left", "right")):
        with wave.open(str(folder / name), "wb") as side:
            side.setparams((1, 2, 8000, 0, "NONE", ""))
            side.writeframes(samples[place::2])
        yield folder / name


def written(file):
    """The same as soon as the PBX has written the file's head; of a file that went before it was read, silence."""
    try:
        return runs(file) or [(0, 0.0)]
    except FileNotFoundError:
        return [(0, 0.0)]
    except (wave.Error, EOFError):
        return None


def stretches(file, whole=BOTH):
    """Silence and sound in turn: of silence 0, of sound how much of it is both voices, or the one of its side. On a loaded
    machine frames come late: for a moment one voice is alone, or nobody is heard.
    """
    found = []
    for sample, seconds in runs(file):
        if not sample and seconds < LATE_SECONDS:
            continue
        if not found or found[-1]["sounds"] is not bool(sample):
            found.append({"sounds": bool(sample), "both": 0.0, "all": 0.0})
        found[-1]["both"] += seconds * (sample == whole)
        found[-1]["all"] += seconds
    return [stretch["both"] / stretch["all"] for stretch in found]


def recorded(stage):
    return list((stage.folder / "pbx/spool/monitor/dialer").glob("dla-*"))


def kept(stage, prefix="dla-"):
    return list((stage.folder / "pbx/spool/monitor/dialer/kept").glob(f"*/{prefix}*"))


async def listed(stage):
    code, out, err = await dialer("recordings", "list", "--json", "-c", stage.config)
    assert code == 0, err
    return json.loads(out)["recordings"]


async def moments(stage, attempt):
    code, out, err = await dialer("recordings", "show", attempt, "--json", "-c", stage.config)
    assert code == 0, err
    return [(line["what"], line["by"]) for line in json.loads(out)["moments"]]


async def say(ear, what, ok=True):
    code, _, err = await dialer("agents", "recording", "agent01", what, "-c", ear.stage.config)
    assert (code == 0) is ok, err
    return err


async def hang_up(ear, call):
    await ear.floor.client.post(f"{AGENT}/hang-up")
    await until(call.ended.is_set)


@pytest.mark.parametrize(("engine", "stereo"), [("alive", True), ("killed", False)])
async def test_both_sides_are_in_it_and_a_pause_is_silent_and_on_record(tmp_path, asterisk_tree, engine, stereo):
    campaign = f"{RECORDS}\nstereo = {str(stereo).lower()}"
    async with Ear(tmp_path, asterisk_tree, voice=VOICE, campaign=campaign) as ear:
        call = await ear.one_call()
        await until(lambda: AGENT_VOICE in call.heard)
        assert "consent" in await say(ear, "told", ok=False)
        assert "hasn't been told" in await say(ear, "resume", ok=False)
        await asyncio.sleep(1.0)
        await say(ear, "consented")
        await asyncio.sleep(1.5)
        await say(ear, "pause")
        if engine == "killed":
            ear.stage.daemon.send_signal(signal.SIGKILL)
            await ear.stage.daemon.wait()
            await asyncio.sleep(1.5)
            await ear.stage.start_daemon()

            async def talking():
                return await ear.floor.states() == ["talking"]

            await until(talking)
        else:
            await asyncio.sleep(1.5)
        await say(ear, "resume")
        await asyncio.sleep(1.5)
        if engine == "killed":  # nobody is there when the call ends
            ear.stage.daemon.send_signal(signal.SIGKILL)
            await ear.stage.daemon.wait()
            call.hang_up()
            await ear.stage.start_daemon()
        else:
            await hang_up(ear, call)
        (line,) = await until(lambda: listed(ear.stage))
        (file,) = await until(lambda: kept(ear.stage))
        for held, told_, paused, resumed in heard(file, tmp_path, stereo):
            assert held == paused == 0
            assert min(told_, resumed) > MOST_OF_IT
        told = await moments(ear.stage, line["attempt"])
        assert sorted(told[:2]) == [("held", "engine"), ("started", "dialplan")]  # within milliseconds
        assert told[2:] == [
            ("consented", "agent01"),
            ("resumed", "agent01"),
            ("paused", "agent01"),
            ("resumed", "agent01"),
            ("stopped", "dialplan"),
        ]
        assert line["known"] is True
        code, out, _ = await dialer("recordings", "verify", "-c", ear.stage.config)
        assert (code, out) == (0, "1 recordings are as they were, 0 changed, 0 missing\n")
        with file.open("r+b") as sound:
            sound.seek(100)
            sound.write(b"\x01")
        code, out, _ = await dialer("recordings", "verify", "--json", "-c", ear.stage.config)
        assert (code, json.loads(out)["changed"]) == (1, [line["attempt"]])


async def test_of_who_rings_us_nothing_is_heard_before_case_and_consent_and_then_both_though_the_engine_is_killed(
    tmp_path, asterisk_tree
):
    async with Ear(tmp_path, asterisk_tree, voice=VOICE, campaign=f"{RECORDS}\nstereo = true") as ear:
        await import_numbers(ear.stage, NUMBER)
        await ear.floor.staff()
        call = await ear.network.call(CALLER_ID, ("127.0.0.1", ear.stage.sip_port), "anonymous")
        await until(lambda: AGENT_VOICE in call.heard)
        assert "whose call" in await say(ear, "consented", ok=False)
        code, out, err = await dialer("agents", "caller", "agent01", "1", "-c", ear.stage.config)
        assert (code, out) == (0, "agent01's call is about case 1 of Luce\n"), err
        await asyncio.sleep(1.0)
        await say(ear, "consented")
        await asyncio.sleep(2.0)
        ear.stage.daemon.send_signal(signal.SIGKILL)
        await ear.stage.daemon.wait()
        await asyncio.sleep(3.0)
        call.hang_up()  # nobody is there when the call ends
        await ear.stage.start_daemon()
        (line,) = await until(lambda: listed(ear.stage))
        (file,) = await until(lambda: kept(ear.stage, "dli-"))
        for held, told in heard(file, tmp_path, stereo=True):
            assert (held, told > MOST_OF_IT) == (0, True)
        assert (line["attempt"], line["known"]) == (file.stem, True)
        said = [what for what, _ in await moments(ear.stage, file.stem)]
        assert sorted(said[:2]) == ["held", "started"]  # within milliseconds
        assert said[2:] == ["consented", "resumed", "stopped"]
        code, out, _ = await dialer("recordings", "verify", "-c", ear.stage.config)
        assert (code, out) == (0, "1 recordings are as they were, 0 changed, 0 missing\n")


async def test_without_consent_nothing_is_kept(tmp_path, asterisk_tree):
    async with Ear(tmp_path, asterisk_tree, campaign=RECORDS) as ear:
        call = await ear.one_call()
        await until(lambda: AGENT_VOICE in call.heard)
        (file,) = await until(lambda: recorded(ear.stage))
        await asyncio.sleep(1.5)
        await hang_up(ear, call)
        assert {sample for sample, _ in await until(lambda: written(file))} <= {0}
        await until(lambda: not recorded(ear.stage))
        assert await listed(ear.stage) == []
        assert ("discarded", "engine") in await moments(ear.stage, file.stem)


async def test_a_campaign_that_does_not_record_leaves_no_file(tmp_path, asterisk_tree):
    async with Ear(tmp_path, asterisk_tree) as ear:
        call = await ear.one_call()
        await until(lambda: AGENT_VOICE in call.heard)
        assert "isn't recorded" in await say(ear, "pause", ok=False)
        await hang_up(ear, call)
        assert recorded(ear.stage) == []


async def test_a_file_of_no_known_call_is_told_and_listening_to_what_is_encrypted_is_on_record(
    tmp_path, asterisk_tree, monkeypatch
):
    monkeypatch.setenv("DIALER_RECORDINGS__KEY", base64.b64encode(bytes(range(32))).decode())
    async with Ear(tmp_path, asterisk_tree) as ear:
        attempt = "dla-" + "0" * 26
        folder = ear.stage.folder / "pbx/spool/monitor/dialer"
        folder.mkdir(parents=True)
        with wave.open(str(folder / f"{attempt}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(range(200)) * 80)
        written = (folder / f"{attempt}.wav").read_bytes()
        (line,) = await until(lambda: listed(ear.stage))
        assert (line["attempt"], line["known"]) == (attempt, False)
        assert "recording.unknown_call" in (ear.stage.folder / "daemon.log").read_text()
        url = f"http://127.0.0.1:{ear.stage.api_port}/api/v1/recordings/{attempt}"
        headers = {"Authorization": f"Bearer {ear.stage.token}", "Range": "bytes=44-243"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.get(url) as answer:
                assert answer.status == 400
            async with session.get(url + "?by=anna") as answer:
                assert (answer.status, await answer.read()) == (206, bytes(range(200)))
        code, _, err = await dialer(
            "recordings", "fetch", attempt, "-o", tmp_path / "copy.wav", "--by", "vera", "-c", ear.stage.config
        )
        assert code == 0, err
        assert (tmp_path / "copy.wav").read_bytes() == written
        (file,) = await until(lambda: kept(ear.stage))
        assert file.name == f"{attempt}.wav.enc"
        assert bytes(range(200)) not in file.read_bytes()
        code, out, _ = await dialer("recordings", "verify", "-c", ear.stage.config)
        assert (code, out) == (0, "1 recordings are as they were, 0 changed, 0 missing\n")
        monkeypatch.delenv("DIALER_RECORDINGS__KEY")
        code, _, err = await dialer("recordings", "verify", "-c", ear.stage.config)
        assert (code, "encrypted" in err) == (2, True)
        seen = Counter(await moments(ear.stage, attempt))
        assert seen[("fetched", "anna")] == seen[("fetched", "vera")] == 1


async def test_every_bridged_call_has_its_recording_though_the_engine_is_killed_and_retention_deletes_what_it_should(
    tmp_path,
):
    """`make bench-recordings` is the long form of the same."""
    run = await bench.play(tmp_path / "stage", calls=20, agents=4, kill=True, say=print)
    assert run.wrong == []
    assert run.recorded >= 12
    assert min(run.deleted) > 0
    assert run.held > 0


def test_the_ear_hears_one_voice_alone_and_a_pause_that_leaks(tmp_path):
    one, both, none = loudness(VOICE), BOTH, 0
    for heard, expected in (
        ((none, both, none, both), [0, 1, 0, 1]),
        ((none, both, one, both), [0, 2 / 3]),
        ((none, one, none, both), [0, 0, 0, 1]),
        ((both, both, none, both), [1, 0, 1]),
    ):
        file = tmp_path / "call.wav"
        with wave.open(str(file), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"".join(array("h", [sample]).tobytes() * 8000 for sample in heard))
        assert stretches(file) == pytest.approx(expected)
