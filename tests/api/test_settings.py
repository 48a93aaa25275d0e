"""Settings of the service: where they come from, what is refused, and the file that names them all."""

import os
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.rows import FEATURE_BYTES, ROW_BYTES
from api.settings import Settings, SettingsError, load, unknown

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
LINE = re.compile(r"^#(HEARTH_\w+)=(.*)$", re.MULTILINE)
SECRET = "hunter2"  # noqa: S105 - stands for one
SHARED = {"HEARTH_REDIS_URL": "redis://localhost", "HEARTH_DATABASE_URL": "postgresql://localhost/x"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without settings, whatever the tests were started with."""
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def refusal(environment: pytest.MonkeyPatch, **variables: str) -> str:
    """What is said of these variables."""
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_without_an_environment_the_defaults_stand() -> None:
    """They listen on this machine alone, with one worker, memory limits and SQLite."""
    settings = load()
    assert (settings.host, settings.port, settings.workers, settings.redis_url) == ("127.0.0.1", 8000, 1, None)
    assert settings.database_url.get_secret_value().startswith("sqlite:")
    assert settings.cors_origins == settings.trusted_proxies == ()


def test_the_environment_is_read_under_the_prefix(environment: pytest.MonkeyPatch) -> None:
    """Other variables of the same name are nobody's."""
    environment.setenv("HEARTH_PORT", "8001")
    environment.setenv("WORKERS", "7")
    assert (load().port, load().workers) == (8001, 1)


def test_what_is_given_goes_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    """As options of a command do."""
    environment.setenv("HEARTH_PORT", "8001")
    assert load(port=8002).port == 8002


def test_a_field_is_named_by_its_variable_alone(environment: pytest.MonkeyPatch) -> None:
    """A second name for a setting would be one that no page tells of."""
    environment.setenv("PORT", "8001")
    assert load().port == 8000


def test_lists_are_written_with_commas(environment: pytest.MonkeyPatch) -> None:
    """Blanks around them and empty parts do not count."""
    environment.setenv("HEARTH_CORS_ORIGINS", "https://a.example, https://b.example,")
    environment.setenv("HEARTH_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7 ,2001:db8::/32")
    settings = load()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")))


def test_a_network_may_be_named_by_an_address_in_it(environment: pytest.MonkeyPatch) -> None:
    """``10.1.2.3/8`` is ``10.0.0.0/8``, as in the configuration of most proxies."""
    environment.setenv("HEARTH_TRUSTED_PROXIES", "10.1.2.3/8")
    assert load().trusted_proxies == (ip_network("10.0.0.0/8"),)


def test_an_empty_host_is_not_every_address(environment: pytest.MonkeyPatch) -> None:
    """To a socket it would be: a variable left empty in a file of settings would open the service to the network."""
    assert "name an address" in refusal(environment, HEARTH_HOST=" ")


@pytest.mark.parametrize("name", ["keep_days", "keep_rows", "redis_url", "api_keys_file", "run_dir"])
def test_an_empty_variable_unsets_what_may_be_unset(environment: pytest.MonkeyPatch, name: str) -> None:
    """So a default can be taken away."""
    environment.setenv(f"HEARTH_{name.upper()}", "")
    assert getattr(load(), name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATCH", SECRET),
        ("METRICS_OPEN", SECRET),
        ("CORS_ORIGINS", f"https://{SECRET}.example,*"),
        ("TRUSTED_PROXIES", SECRET),
        ("TRUSTED_PROXIES", f"10.0.0.0/8,{SECRET}"),
        ("TRUSTED_PROXIES", f"{SECRET}/8"),
        ("RATE_LIMIT", SECRET),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", ""),
        ("WRONG_KEY_LIMIT", SECRET),
        ("MAX_BODY_BYTES", "1023"),
        ("MAX_BODY_BYTES", SECRET),
        ("MAX_ROWS", "0"),
        ("MAX_CONCURRENCY", "0"),
        ("MAX_CONCURRENCY", "1.5"),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "3601"),
        ("TIMEOUT", "nan"),
        ("STORE_WAIT", "0"),
        ("STORE_WAIT", "inf"),
        ("KEEP_DAYS", "0"),
        ("KEEP_DAYS", "nan"),
        ("KEEP_ROWS", "0"),
        ("KEEP_ROWS", SECRET),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", ""),
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("DRAIN", "-1"),
        ("DRAIN", "inf"),
        ("LOG_LEVEL", SECRET),
        ("LOG_LEVEL", "INFO "),
        ("LOG_LEVEL", "debug"),
        ("BUNDLE", ""),
        ("REPORTS", ""),
        ("HOST", ""),
        ("ROOT_PATH", f"{SECRET}"),
        ("ROOT_PATH", "/"),
        ("ROOT_PATH", f"/{SECRET}/"),
        ("ROOT_PATH", f"/{SECRET}?a"),
        ("ROOT_PATH", f'/{SECRET}"'),
        ("ROOT_PATH", f"//{SECRET}"),
        ("RUN_DIR", f"/{SECRET}/none"),
    ],
)
def test_a_refusal_names_the_variable_and_not_its_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """What is told may end in a log."""
    told = refusal(environment, **{f"HEARTH_{name}": value})
    assert f"\n  - HEARTH_{name}: " in told
    assert SECRET not in told
    assert f" {value} " not in told or not value


def test_every_fault_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    """A person mends the environment in one go."""
    told = refusal(environment, HEARTH_PORT="x", HEARTH_WORKERS="x", HEARTH_RATE_LIMIT="x")
    assert re.findall(r"^  - (\w+):", told, re.MULTILINE) == ["HEARTH_RATE_LIMIT", "HEARTH_PORT", "HEARTH_WORKERS"]


def test_a_refusal_names_the_option_that_was_typed(environment: pytest.MonkeyPatch) -> None:
    """Where that is what counts; of what comes from the environment, the variable."""
    for name, value in {"HEARTH_PORT": "8001", "HEARTH_WORKERS": "2", "HEARTH_MAX_ROWS": "0"}.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load(host="", port=99999, workers=0)
    assert re.findall(r"^  - (\S+):", str(caught.value), re.MULTILINE) == ["HEARTH_MAX_ROWS", "--host", "--port", "--workers"]


def test_any_page_of_any_origin_is_no_choice(environment: pytest.MonkeyPatch) -> None:
    """``*`` is refused, not understood."""
    assert "name the origins" in refusal(environment, HEARTH_CORS_ORIGINS="*")


@pytest.mark.parametrize(
    "origin",
    [
        f"https://{SECRET}.example/",
        f"https://{SECRET}.example/app",
        f"https://{SECRET.upper()}.example",
        f"https://*.{SECRET}.example",
        f"https://{SECRET}.example:443",
        f"http://{SECRET}.example:80",
        f"https://u@{SECRET}.example",
        f"{SECRET}.example",
        "https://",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(environment: pytest.MonkeyPatch, origin: str) -> None:
    """It would match nothing, without a word; what is allowed is said."""
    told = refusal(environment, HEARTH_CORS_ORIGINS=f"https://a.example,{origin}")
    assert "HEARTH_CORS_ORIGINS: give origins as browsers send them, https://app.example or" in told
    assert SECRET not in told.lower()


@pytest.mark.parametrize(
    "origin", ["https://a-1.example", "http://localhost:3000", "http://[::1]:8080", "https://a.example:80", "app-x://app"]
)
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(environment: pytest.MonkeyPatch, origin: str) -> None:
    """Those of programs that show pages are schemes of their own."""
    environment.setenv("HEARTH_CORS_ORIGINS", origin)
    assert load().cors_origins == (origin,)


def test_what_kubernetes_says_of_a_service_is_not_a_port(environment: pytest.MonkeyPatch) -> None:
    """A Service called hearth makes a variable of this name in every pod."""
    environment.setenv("HEARTH_PORT", "tcp://10.96.0.1:8000")
    assert load().port == Settings.model_fields["port"].default
    assert load(port=8002).port == 8002


@pytest.mark.parametrize(("missing", "named"), [("HEARTH_REDIS_URL", "limits"), ("HEARTH_DATABASE_URL", "store")])
def test_two_workers_want_what_they_share(environment: pytest.MonkeyPatch, missing: str, named: str) -> None:
    """Limits counted in two memories let twice as much through; a file is no store for two."""
    given = {name: value for name, value in SHARED.items() if name != missing}
    told = refusal(environment, HEARTH_WORKERS="2", **given)
    assert named in told
    assert f"set {missing}" in told


def test_two_workers_with_nothing_to_share_are_told_all_of_it(environment: pytest.MonkeyPatch) -> None:
    """Not one thing now and the next at the next start."""
    told = refusal(environment, HEARTH_WORKERS="2")
    assert re.findall(r"set (HEARTH_\w+)", told) == list(SHARED)


def test_two_workers_with_all_they_share_are_fine(environment: pytest.MonkeyPatch) -> None:
    """And so they start."""
    for name, value in {**SHARED, "HEARTH_WORKERS": "2"}.items():
        environment.setenv(name, value)
    assert load().workers == 2


def test_keys_have_one_place(environment: pytest.MonkeyPatch) -> None:
    """Not the variable and a file, of which one would be forgotten."""
    told = refusal(environment, HEARTH_API_KEYS=f"a:predict:never:{SECRET}", HEARTH_API_KEYS_FILE="keys.txt")
    assert "HEARTH_API_KEYS or HEARTH_API_KEYS_FILE" in told
    assert SECRET not in told


def test_blank_keys_beside_a_file_are_none(environment: pytest.MonkeyPatch) -> None:
    """A variable that a template left empty does not stand against the file."""
    environment.setenv("HEARTH_API_KEYS", " \n")
    environment.setenv("HEARTH_API_KEYS_FILE", "keys.txt")
    assert load().api_keys_file == Path("keys.txt")


@pytest.mark.parametrize("name", ["api_keys", "redis_url", "database_url"])
def test_what_may_hold_a_password_is_not_shown(environment: pytest.MonkeyPatch, name: str) -> None:
    """Not by ``repr``, which is what a log or a debugger prints."""
    environment.setenv(f"HEARTH_{name.upper()}", f"redis://u:{SECRET}@h")
    assert SECRET not in repr(load())
    assert SECRET not in str(load())


def test_settings_do_not_change() -> None:
    """What was checked at the start is what holds."""
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def written(value: object) -> str:
    """A default as it is written in an environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == ():
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_example_has_every_setting_with_its_default() -> None:
    """In the order of the fields, each once; and it names no setting that is not there."""
    fields = {f"HEARTH_{name.upper()}": written(field.default) for name, field in Settings.model_fields.items()}
    assert LINE.findall(EXAMPLE) == list(fields.items())
    assert set(re.findall(r"HEARTH_\w+", EXAMPLE)) == set(fields)


def test_the_example_says_of_every_setting_what_it_is() -> None:
    """The line before starts with the setting's own description, which has its unit."""
    lines = EXAMPLE.splitlines()
    for name, field in Settings.model_fields.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"#HEARTH_{name.upper()}="))
        assert field.description
        assert lines[at - 1].startswith(f"# {field.description}")


def test_the_example_says_how_long_a_row_may_be() -> None:
    """Beside the limit of all bodies, which a row never reaches: no setting takes more."""
    assert f"one row takes at most {ROW_BYTES}, or {FEATURE_BYTES} a feature where that is more" in EXAMPLE


def test_the_example_is_a_copy_of_the_defaults(environment: pytest.MonkeyPatch) -> None:
    """Every line uncommented changes nothing."""
    before = load()
    for name, value in LINE.findall(EXAMPLE):
        environment.setenv(name, value)
    assert load() == before


def test_a_variable_that_is_no_setting_is_told() -> None:
    """With the one that was meant, if one is near; what belongs to others is left alone."""
    names = ["HEARTH_RATELIMIT", "HEARTH_SERVICE_HOST_9", "HEARTH_RATE_LIMIT", "HEARTH_DEBUG", "PATH"]
    assert unknown(names) == [
        "HEARTH_RATELIMIT is no setting, did you mean HEARTH_RATE_LIMIT?",
        "HEARTH_SERVICE_HOST_9 is no setting",
    ]
