"""Settings: where each comes from, and the one line that refuses a bad value."""

from pathlib import Path

import pytest

from dashboard.config import DEMO_RATE_LIMITS, SECRET, Settings, for_demo, load
from dashboard.errors import BadSetting

FIELDS = tuple(Settings.model_fields)


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any of our names, in a folder without a `.env`."""
    for name in FIELDS:
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)
    monkeypatch.chdir(tmp_path)


def refusal(**flags: str) -> str:
    with pytest.raises(BadSetting) as refused:
        load(**flags)
    assert len(refused.value.detail.splitlines()) == 1
    return refused.value.detail


WHOLE = "allowed: a whole number from"
ORIGINS = "allowed are origins such as https://game.example, without a path, or *"
USERS = "allowed is an http or https address such as https://api.example/users, without ? and #"
NEEDS_KEY = (
    "others can reach this address, so writes need a key; set API_KEYS=<a long random text> or listen on 127.0.0.1"
)
NEEDS_REPLICA = "the embedded store has no replica; set REDIS_URL, or use always"

BAD = [
    ("port", "abc", f"PORT=abc: {WHOLE} 0 to 65535"),
    ("port", "-1", f"PORT=-1: {WHOLE} 0 to 65535"),
    ("port", "65536", f"PORT=65536: {WHOLE} 0 to 65535"),
    ("port", "80.5", f"PORT=80.5: {WHOLE} 0 to 65535"),
    ("port", "80\n81", f"PORT=80 81: {WHOLE} 0 to 65535"),
    ("port", "9" * 5000, f"PORT={'9' * 99}…: {WHOLE} 0 to 65535"),
    ("tick_ms", "19", f"TICK_MS=19: {WHOLE} 20 to 5000"),
    ("tick_ms", "5001", f"TICK_MS=5001: {WHOLE} 20 to 5000"),
    ("cache_ttl_s", "0", f"CACHE_TTL_S=0: {WHOLE} 1 to 86400"),
    ("workers", "17", f"WORKERS=17: {WHOLE} 0 to 16"),
    ("user_api_url", "ftp://api.example", f"USER_API_URL=(hidden): {USERS}"),
    ("user_api_url", "https://api.example/users?id=", f"USER_API_URL=(hidden): {USERS}"),
    ("tick_ms", "fast", f"TICK_MS=fast: {WHOLE} 20 to 5000"),
    ("durability", "never", "DURABILITY=never: allowed: 'always', 'everysec' or 'replicated'"),
    ("boards", "closed", "BOARDS=closed: allowed: 'open' or 'declared'"),
    ("async_mode", "gevent", "ASYNC_MODE=gevent: allowed: 'eventlet' or 'threading'"),
    ("log_format", "xml", "LOG_FORMAT=xml: allowed: 'text' or 'json'"),
    ("allowed_origins", "game.example", f"ALLOWED_ORIGINS=game.example: {ORIGINS}"),
    ("allowed_origins", "https://game.example/", f"ALLOWED_ORIGINS=https://game.example/: {ORIGINS}"),
    ("allowed_origins", "*, ftp://game.example", f"ALLOWED_ORIGINS=*, ftp://game.example: {ORIGINS}"),
    ("allowed_origins", "https://", f"ALLOWED_ORIGINS=https://: {ORIGINS}"),
    ("allowed_origins", "https://[::1", f"ALLOWED_ORIGINS=https://[::1: {ORIGINS}"),
    ("allowed_origins", "https://a:port", f"ALLOWED_ORIGINS=https://a:port: {ORIGINS}"),
    ("host", "0.0.0.0", f"HOST=0.0.0.0: {NEEDS_KEY}"),
    ("durability", "replicated", f"DURABILITY=replicated: {NEEDS_REPLICA}"),
]
FREE = {"data_dir", "secret_key", "redis_url", "api_keys", "operator_key", "database_url", "rate_limits"}
"""Any text will do here. What cannot be opened or read is refused by its part: see tests of store/ and core/policies."""


@pytest.mark.parametrize(("name", "value", "line"), BAD)
def test_a_bad_value_is_refused_in_one_line_with_what_is_allowed(name: str, value: str, line: str) -> None:
    assert refusal(**{name: value}) == line


@pytest.mark.parametrize(("name", "value", "line"), [bad for bad in BAD if len(bad[1]) < 100])
def test_the_environment_and_the_file_are_refused_in_the_same_words(
    name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as environment:
        environment.setenv(name.upper(), value)
        assert refusal() == line
    Path(".env").write_text(f"{name.upper()}='{value}'\n")
    assert refusal() == line


def test_every_setting_that_can_be_bad_was_tried() -> None:
    assert {name for name, _, _ in BAD} == set(FIELDS) - FREE


def test_the_first_of_several_bad_values_is_named_alone() -> None:
    assert refusal(tick_ms="0", port="x") == f"PORT=x: {WHOLE} 0 to 65535"


def test_flags_win_over_the_environment_and_the_environment_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().tick_ms == 100
    Path(".env").write_text("TICK_MS=201\nPORT=1\nHOST=localhost\nSOMEBODY_ELSES=x\n")
    assert (load().tick_ms, load().port, load().host) == (201, 1, "localhost")
    monkeypatch.setenv("TICK_MS", "202")
    monkeypatch.setenv("PORT", "2")
    assert (load().tick_ms, load().port, load().host) == (202, 2, "localhost")
    settings = load(tick_ms="203", port=None)
    assert (settings.tick_ms, settings.port, settings.host) == (203, 2, "localhost")


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"rate_limits"}))
def test_an_empty_variable_is_an_unset_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{name.upper()}=\n")
    monkeypatch.setenv(name.upper(), "")
    assert getattr(load(), name) == Settings.model_fields[name].default


@pytest.mark.parametrize("mine", ["read:9/hour", "", "login:300/minute/address"])
def test_the_demo_has_limits_of_its_own_unless_somebody_set_some(monkeypatch: pytest.MonkeyPatch, mine: str) -> None:
    assert for_demo(load()).rate_limits == DEMO_RATE_LIMITS
    assert for_demo(load(rate_limits=mine)).rate_limits == mine
    monkeypatch.setenv("RATE_LIMITS", mine)
    assert for_demo(load()).rate_limits == mine


def test_empty_rate_limits_are_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMITS", "")
    assert load().rate_limits == ""


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"HOST=\xff\n")
    assert refusal() == ".env: not UTF-8 text"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
def test_loopback_needs_no_key(host: str) -> None:
    assert load(host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2", "fe80::1", "game.example", "localhost.evil.example"])
def test_any_other_address_needs_a_key(host: str) -> None:
    assert refusal(host=host) == f"HOST={host}: {NEEDS_KEY}"
    assert "API_KEYS" in refusal(host=host, operator_key="only-operators")
    assert "API_KEYS" in refusal(host=host, api_keys=" , ")
    assert load(host=host, api_keys="k").host == host


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_never_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name.upper(), "https://swordfish.example" if name.endswith("_url") else "swordfish")
    for other, value, _ in BAD:
        if other != name and (other != "host" or name != "api_keys"):
            assert "swordfish" not in refusal(**{other: value})
    assert "swordfish" not in repr(load())


def test_lists_are_split_at_commas() -> None:
    settings = load(
        api_keys=" one, two,,", allowed_origins="https://a.example,http://b.example:8080, *, http://[::1]:9"
    )
    assert settings.api_keys == ("one", "two")
    assert settings.allowed_origins == ("https://a.example", "http://b.example:8080", "*", "http://[::1]:9")


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1
