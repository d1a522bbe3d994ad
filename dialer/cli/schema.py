"""`dialer schema`: what may stand in the configuration, for editors."""

from dialer.cli.output import print_json


def schema() -> None:
    """Print the JSON Schema of dialer.toml: every key with its meaning, bounds and default.

    Editors that know TOML schemas (taplo, Even Better TOML) complete and check the file by it, if its first line is
    `#:schema ./dialer.schema.json`.
    """
    from dialer.settings.json_schema import json_schema

    print_json(json_schema())
