"""What `RATE_LIMITS` may say, and the one line that says what is wrong."""

import pytest

from dashboard.config import Settings
from dashboard.core.policies import Policy, parse_policies
from dashboard.errors import BadSetting
from dashboard.store.rate_limit import Quota


def test_the_well_known_form() -> None:
    assert parse_policies("score:600/minute/key, login:10/minute/address, user:60/minute") == (
        Policy("score", Quota("score/minute/key", 600, 60), "key"),
        Policy("login", Quota("login/minute/address", 10, 60), "address"),
        Policy("user", Quota("user/minute", 60, 60), "key"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "login:10/minute/address",
        "login:10 per minute per address",
        " LOGIN : 10 / minutes / address ",
        "login:10 per minute/address",
    ],
)
def test_words_and_slashes_say_the_same(text: str) -> None:
    assert parse_policies(text) == (Policy("login", Quota("login/minute/address", 10, 60), "address"),)


@pytest.mark.parametrize("text", ["", "  ", "none"])
def test_empty_means_none(text: str) -> None:
    assert parse_policies(text) == ()


@pytest.mark.parametrize("text", ["lock:5/hour/sliding", "lock:5/hour/address/sliding", "lock:5/hour/sliding/player"])
def test_a_suffix_chooses_the_algorithm(text: str) -> None:
    [policy] = parse_policies(text)
    assert (policy.quota.algorithm, policy.quota.window_s) == ("sliding", 3600)


def test_several_periods_of_one_guard_are_several_policies() -> None:
    names = [
        policy.quota.name for policy in parse_policies("score:20/second, score:600/minute, score:9/day/player/fixed")
    ]
    assert names == ["score/second", "score/minute", "score/day/player"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "scores:5/minute",
            "'scores:5/minute': there is no guard 'scores'; allowed: score, publish, login, user, lock, ",
        ),
        ("5/minute", "write guard:count/period, e.g. login:10/minute/address"),
        ("user:60", "write guard:count/period"),
        ("user:x/minute", "'x' is not a count; write a whole number from 1"),
        ("user:-1/minute", "'-1' is not a count"),
        ("user:0/minute", "0 is not allowed: a count is 1 to 1,000,000,000 under gcra"),
        ("user:100001/minute/sliding", "100001 is not allowed: a count is 1 to 100,000 under sliding"),
        ("user:60/week", "'week' is not a period; allowed: second, minute, hour, day"),
        (
            "user:60/minute/ip",
            "'ip' is neither a subject (key, address, player) nor an algorithm (gcra, sliding, fixed)",
        ),
        ("user:60/minute/key/address", "one subject and one algorithm at most"),
        ("user:60/minute,user:9/minute", "'user:9/minute': there are two of user/minute; leave one"),
        ("user:60/minute,", "'': write guard:count/period"),
    ],
)
def test_a_bad_policy_is_named_in_one_line(text: str, says: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_policies(text)
    assert caught.value.detail.startswith(f"RATE_LIMITS={text}: ")
    assert says in caught.value.detail
    assert "\n" not in caught.value.detail


def test_the_default_can_be_read_and_leaves_scores_alone() -> None:
    default = Settings.model_fields["rate_limits"].default
    assert {policy.guard for policy in parse_policies(default)} == {"login"}


def test_an_empty_setting_means_none_for_limits_and_the_default_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RATE_LIMITS", "PORT", "REDIS_URL", "API_KEYS"):
        monkeypatch.setenv(name, "")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.rate_limits, settings.port, settings.redis_url, settings.api_keys) == ("", 8000, None, ())
