"""The JSON Schema of `dialer.toml` says what the daemon itself would say."""

import pytest

from dialer import settings
from dialer.kernel.errors import InputError
from dialer.settings.json_schema import json_schema

SCHEMA = json_schema()


def resolved(part):
    """What a reference stands for, beside what stands with it."""
    name = part.get("$ref", "").removeprefix("#/$defs/")
    return {**SCHEMA["$defs"][name], **part} if name else part


def at(*where):
    """The schema of one place in the file."""
    part = SCHEMA
    for key in where:
        part = resolved(part)
        if "anyOf" in part:
            part = resolved(part["anyOf"][0])
        if part.get("type") == "array":
            part = part["items"]
        elif key in part.get("properties", {}):
            part = part["properties"][key]
        else:
            part = next(iter(part.get("patternProperties", {}).values()), None) or part["additionalProperties"]
    return resolved(part)


def test_every_section_is_closed_and_every_key_of_every_model_is_there():
    assert SCHEMA["additionalProperties"] is False
    assert set(SCHEMA["properties"]) == set(settings.Settings.model_fields)
    models = [getattr(settings, name) for name in settings.__all__ if name.endswith("Settings") and name != "Settings"]
    assert {model.__name__ for model in models} <= set(SCHEMA["$defs"])
    for model in models:
        section = SCHEMA["$defs"][model.__name__]
        assert section["additionalProperties"] is False
        assert section["description"]
        assert set(section["properties"]) == {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    ("where", "bound", "line"),
    [
        (("trunk", "channels"), {"minimum": 1, "maximum": 10_000, "default": 30}, "[trunk]\nchannels = 0"),
        (("campaigns", "luce", "mode"), {"enum": ["preview", "progressive", "predictive", "reserved"]}, "[campaigns.luce]\ncaller_id = '+390612345678'\nmode = 'x'"),
        (("agents", 0, "seat"), {"minimum": 10, "maximum": 999_999}, "[[agents]]\nname = 'a'\nseat = 1\nphone = 'PJSIP/a'\ncampaigns = ['luce']"),
        (("log", "level"), {"enum": ["debug", "info", "warning", "error"]}, "[log]\nlevel = 'x'"),
    ],
)  # fmt: skip
def test_the_bounds_are_those_by_which_a_file_is_refused(tmp_path, where, bound, line):
    assert at(*where).items() >= bound.items()
    (tmp_path / "dialer.toml").write_text(line)
    with pytest.raises(InputError, match=str(where[-1])):
        settings.load(tmp_path / "dialer.toml")


def test_what_waits_for_a_restart_says_so():
    assert at("pbx", "port")["description"] == "waits for a restart"
    assert at("campaigns", "luce", "packs")["description"].endswith("; waits for a restart")
    assert "restart" not in at("campaigns", "luce", "abandonment_target")["description"]
