"""What the container files name exists: paths, settings, secrets, ports. (Their engine isn't here: `make image` runs one.)"""

import re
import tomllib

import pytest
import yaml

from dialer import settings
from tests.conftest import ROOT

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SITE = {"site/pjsip_trunk.conf", "site/pjsip_phones.d"}
"""What docs/how-to/containers.md has a site make."""


def mounts(service):
    """Its volumes, as (source, where it is mounted)."""
    return [tuple(line.split(":")[:2]) for line in SERVICES[service].get("volumes", ())]


def test_every_file_that_is_mounted_exists_or_is_made_as_the_page_says():
    page = (ROOT / "docs/how-to/containers.md").read_text()
    for service in SERVICES:
        for source, _ in mounts(service):
            if source.startswith("."):
                path = source.removeprefix("./")
                assert (DOCKER / source).exists() or (path in SITE and path in page), source
            else:
                assert source in COMPOSE["volumes"]
    assert set(COMPOSE["volumes"]) == {source for name in SERVICES for source, _ in mounts(name) if "." not in source}


def test_every_secret_is_declared_made_by_the_page_and_read_from_where_it_lies():
    page = (ROOT / "docs/how-to/containers.md").read_text()
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])
    for name, where in COMPOSE["secrets"].items():
        assert where["file"] == f"./secrets/{name}"
        assert name in page
    for service in SERVICES.values():
        for value in service.get("environment", {}).values():
            if value.startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    asterisk = (DOCKER / "asterisk.Dockerfile").read_text()
    assert re.findall("/run/secrets/([a-z-]+)", asterisk) == SERVICES["asterisk"]["secrets"]


def test_the_daemons_settings_are_read_with_the_environment_of_the_service(monkeypatch):
    for name, value in SERVICES["dialer"]["environment"].items():
        monkeypatch.setenv(name, value)
    loaded = settings.load(DOCKER / "dialer.toml")
    for section, key in ((loaded.pbx, "secret_file"), (loaded.api, "token_file"), (loaded.store, "password_file")):
        assert str(getattr(section, key)).startswith("/run/secrets/")
    # servers by the names of their services, Asterisk on the loopback that is shared with it
    assert re.search("@([a-z]+):", loaded.store.url)[1] in SERVICES
    assert re.search("//([a-z]+):", loaded.ledger.url)[1] in SERVICES
    assert loaded.pbx.host == "127.0.0.1"
    for service in ("dialer", "prometheus"):
        assert SERVICES[service]["network_mode"] == "service:asterisk"
        assert "ports" not in SERVICES[service]
    published = {line.split(":")[-1] for line in SERVICES["asterisk"]["ports"]}
    assert {str(loaded.api.port), "9090"} <= published
    database = SERVICES["postgres"]["environment"]
    assert loaded.store.url == f"postgresql://{database['POSTGRES_USER']}@postgres:5432/{database['POSTGRES_DB']}"
    assert (str(loaded.recordings.folder), "/etc/dialer/dialer.toml") == (
        dict(mounts("dialer"))["recordings"], dict(mounts("dialer"))["./dialer.toml"],
    )  # fmt: skip
    assert dict(mounts("asterisk"))["recordings"] == str(loaded.recordings.folder)


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if "build" in service])
def test_what_a_dockerfile_copies_exists(service):
    build = SERVICES[service]["build"]
    context = DOCKER / build["context"]
    text = (context / build["dockerfile"]).read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            assert (context / path).exists(), path
    assert text.partition("\nFROM ")[0].rpartition("ARG BASE=")[2].startswith("debian:")


def test_images_are_pinned_and_of_debian_but_grafanas():
    images = {name: service["image"] for name, service in SERVICES.items() if "image" in service}
    assert all(re.search(r":\d+\.?\d*(\.\d+|-bookworm)$", image) for image in images.values())
    assert [name for name, image in images.items() if not image.endswith("-bookworm")] == ["grafana"]


def test_the_image_runs_the_command_of_the_project_and_drains_as_long_as_the_unit():
    text = (DOCKER / "Dockerfile").read_text()
    (command,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert f'ENTRYPOINT ["{command}"]' in text
    assert f"EXPOSE {settings.Settings().api.port}\n" in text
    unit = (ROOT / "systemd/dialer.service").read_text()
    assert f"TimeoutStopSec={SERVICES['dialer']['stop_grace_period']}\n" in unit


def test_published_media_ports_are_those_of_asterisk():
    rtp = (DOCKER / "asterisk/rtp.conf").read_text()
    start, end = (re.search(rf"^{key} = (\d+)", rtp, re.MULTILINE)[1] for key in ("rtpstart", "rtpend"))
    assert f"{start}-{end}:{start}-{end}/udp" in SERVICES["asterisk"]["ports"]


def test_asterisk_includes_files_that_the_image_has():
    ours = {path.name for folder in ("docker/asterisk", "asterisk-conf/pbx") for path in (ROOT / folder).iterdir()}
    for path in (DOCKER / "asterisk").iterdir():
        for name in re.findall('#include "(.+)"', path.read_text()):
            assert name in ours


def test_grafana_finds_prometheus_and_the_boards():
    sources = yaml.safe_load((DOCKER / "grafana/datasources.yaml").read_text())["datasources"]
    assert sources[0]["url"] == f"http://{SERVICES['prometheus']['network_mode'].removeprefix('service:')}:9090"
    (provider,) = yaml.safe_load((DOCKER / "grafana/dashboards.yaml").read_text())["providers"]
    assert provider["options"]["path"] == dict(mounts("grafana"))["../monitoring/grafana"]
