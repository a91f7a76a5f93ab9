"""README, cameras.toml and .env.example agree with the declarations of the settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.config.cameras import CAMERAS
from cctv_cli.core.config.names import TABLES, VARIABLES
from cctv_cli.core.config.nvrs import NVRS
from cctv_cli.core.config.schema import Setting, Table
from cctv_cli.core.config.settings import SETTINGS, Settings

ROOT = Path(__file__).parents[3]


def readme() -> List[str]:
    return (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def default(name: str, setting: Setting) -> str:
    """The default as the documents write it."""
    text = setting.text(getattr(Settings(), name))
    return text[1:-1] if text.startswith("(") else f"`{text}`"


@pytest.mark.parametrize("name", SETTINGS)
def test_the_readme_has_a_row_for_every_setting(name: str) -> None:
    setting = SETTINGS[name]
    section, _, key = setting.key.rpartition(".")
    in_file = f"[{section}] {key}" if section else key
    assert f"| `{setting.variable}` | `{in_file}` | {default(name, setting)} | {setting.meaning} |" in readme()


@pytest.mark.parametrize(
    ("table", "key"),
    [pytest.param(table, key, id=f"{table.noun} {key.name}") for table in TABLES for key in table.keys],
)
def test_the_readme_has_a_row_for_every_key_of_a_camera_and_an_nvr(table: Table, key: object) -> None:
    (declared,) = [one for one in table.keys if one is key]
    variable = f"`{table.spellings[0].prefix}_<n>_{declared.name.upper()}`" if declared.has_variable else ""
    expected = f"| {variable} | `{declared.name}` | {declared.default} | {declared.meaning} |"
    assert re.sub(" +", " ", expected) in readme()


def test_the_readme_has_no_row_for_anything_else() -> None:
    variables = set(VARIABLES)
    for table in TABLES:
        documented = table.spellings[0]
        variables |= set(table.variables(documented, "<n>"))
    named = set(re.findall(r"^\| `((?:[A-Z]+_)*[A-Z]+(?:_<n>_[A-Z_]+)?)` \|", "\n".join(readme()), re.MULTILINE))
    assert named == variables


def test_cameras_toml_shows_every_key_and_its_default() -> None:
    reference = (ROOT / "cameras.toml").read_text(encoding="utf-8")
    general, _, rest = reference.partition("[[cameras]]\n")
    of_camera, _, of_nvr = rest.partition("# [[nvrs]]\n")
    for name, setting in SETTINGS.items():
        section, _, key = setting.key.rpartition(".")
        body = re.split(r"^\[", general.partition(f"[{section}]")[2], flags=re.MULTILINE)[0] if section else general
        (line,) = re.findall(rf"^# {key} = .*", body, re.MULTILINE)
        shown = default(name, setting).strip("`")
        if shown.startswith("in storage"):
            shown = "in `path`"
        assert shown in line.replace('"', ""), line
    for shown_keys, table in ((of_camera, CAMERAS), (of_nvr, NVRS)):
        assert set(re.findall(r"^(?:# )?(\w+)[.\d]* = ", shown_keys, re.MULTILINE)) == {key.name for key in table.keys}


def test_the_example_env_names_every_variable() -> None:
    example = (ROOT / "examples" / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE)) == VARIABLES
