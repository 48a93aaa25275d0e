"""The settings under which a released bundle is built again."""

import json
from pathlib import Path

import pytest
import yaml
from tests.tiny import raw_params

from hearth.params import Params
from hearth.params.reading import parse
from hearth.release.reproduce import unlogged

ROOT = Path(__file__).parents[2]


def told(settings: Params) -> str:
    """All that settings say but whether builds are logged, in the order in which they say it."""
    raw = settings.model_dump(mode="json")
    return json.dumps({**raw, "tracking": {**raw["tracking"], "enabled": None}})


def test_the_settings_of_this_repository_say_the_same_in_the_same_order() -> None:
    """A bundle holds its features in their order, which is not the alphabet's; only tracking is off."""
    before = (ROOT / "params.yaml").read_bytes()
    old, new = (parse(content.decode(), "params.yaml") for content in (before, unlogged(before)))
    assert list(old.features) != sorted(old.features)
    assert told(new) == told(old)
    assert (old.tracking.enabled, new.tracking.enabled) == (True, False)


@pytest.mark.parametrize(
    "text", ["0.00001", "1e-5", "'1'", "'no'", "1 000 000", "2026-01-01", "'a: b # c'", '"\\u00e9\\n"', "é ☃"]
)
def test_values_stay_what_they_are(text: str) -> None:
    """However they are written."""
    before = f"tracking: {{enabled: true, uri: {text}}}\n".encode()
    uri = yaml.safe_load(before)["tracking"]["uri"]
    assert yaml.safe_load(unlogged(before)) == {"tracking": {"enabled": False, "uri": uri}}


def test_settings_that_log_nothing_stay_to_the_byte() -> None:
    """There is nothing to change."""
    before = f"# by hand\n{yaml.safe_dump(raw_params(), sort_keys=False)}".encode()
    assert unlogged(before) == before
