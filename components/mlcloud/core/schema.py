"""Writes what is generated from the settings: the editors' JSON schema of stack files, and the reference.

Run it as `python -m mlcloud.core.schema --write` in the project's folder; without `--write` it tells what has
drifted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from mlcloud.core.reference import COMMAND, settings_guide
from mlcloud.core.settings.describe import Schema, alternatives, document
from mlcloud.core.settings.load import PROJECT

SCHEMA_PATH: Final = Path("stacks/stack.schema.json")
GUIDE_PATH: Final = Path("docs/guides/settings.md")
# yaml-language-server reads this draft (https://github.com/redhat-developer/yaml-language-server, README).
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def stack_file_schema() -> Schema:
    """Return the JSON schema of a whole stack file, `Pulumi.<stack>.yaml`."""
    settings = document()
    keys = cast("dict[str, Schema]", settings["properties"])
    return {
        "$schema": _DRAFT,
        "title": "mlcloud stack file",
        "description": f"The config of one stack. Written by `{COMMAND}`.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "config": {
                "description": settings["description"],
                "type": "object",
                "additionalProperties": False,
                "properties": {f"{PROJECT}:{name}": node for name, node in keys.items()},
                # Keys of providers, such as aws:region, are Pulumi's and theirs.
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:.+$": {}},
            },
            "encryptionsalt": {"description": "Written by Pulumi: salt of the passphrase.", "type": "string"},
            "encryptedkey": {"description": "Written by Pulumi: the encrypted data key.", "type": "string"},
            "secretsprovider": {"description": "What encrypts the stack's secrets.", "type": "string"},
            "environment": {"description": "Pulumi ESC environments whose values the stack imports."},
        },
    }


def project_config() -> dict[str, dict[str, Any]]:
    """Return the `config:` block of Pulumi.yaml: each key with its type, description and default.

    Pulumi demands a value for every key that the project declares without a default, so that an optional key
    is declared with an empty one, which sets nothing. `model` has no type: it is a text or a map.
    """
    return {name: _declaration(node) for name, node in cast("Schema", document()["properties"]).items()}


def _declaration(node: Schema) -> dict[str, Any]:
    types = {str(choice["type"]) for choice in alternatives(node)}
    kind = {"type": types.pop()} if len(types) == 1 else {}
    empty: object = dict[str, Any]() if kind.get("type") == "object" else ""
    default = cast("object", node.get("default"))
    return {**kind, "description": node["description"], "default": empty if default is None else default}


def generated() -> dict[Path, str]:
    """Return every generated file, by its path in the project's folder, with its content."""
    schema = json.dumps(stack_file_schema(), indent=2, ensure_ascii=False) + "\n"
    return {SCHEMA_PATH: schema, GUIDE_PATH: settings_guide()}


def drifted(root: Path) -> list[Path]:
    """Return the generated files that are not what the settings would write now."""
    return [
        path
        for path, text in generated().items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated files, or tell which have drifted; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mlcloud.core.schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files")
    parser.add_argument("--project-config", action="store_true", help="print the config block of Pulumi.yaml")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder (default: this one)")
    options = parser.parse_args(arguments)
    if options.project_config:
        import yaml

        sys.stdout.write(yaml.safe_dump({"config": project_config()}, sort_keys=False, width=110))
        return 0
    drift = drifted(options.root)
    for path in drift:
        if options.write:
            (options.root / path).parent.mkdir(parents=True, exist_ok=True)
            (options.root / path).write_text(generated()[path], "utf-8")
        sys.stdout.write(f"{'wrote' if options.write else 'drifted'}: {path}\n")
    if drift and not options.write:
        sys.stdout.write(f"Write them again: {COMMAND}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
