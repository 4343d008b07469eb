"""Rate limits at the door: who calls, what the answer's headers say, and `GET /api/v1/limits`.

Owns: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) and `Retry-After`. Leaves to others:
deciding (`core/limits.py`), the problem document (`problems.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.limits import Caller, Limits
from dashboard.core.scores import BATCH, clean_player
from dashboard.errors import InvalidInput, RateLimited
from dashboard.values import RateDecision
from dashboard.web.guards import Guard, key_of
from dashboard.web.problems import whole_s

API = "/api/v1/"
READING = ("GET", "HEAD")
OTHERWISE = ("limits.show", "users.get_user")
"""Reads that `read` does not guard: who is refused may see why; users have the guard `user`."""


class Door:
    """Limits for whoever comes by HTTP or by socket."""

    def __init__(self, limits: Limits, guard: Guard) -> None:
        self._limits = limits
        self._guard = guard

    def counts(self, guard: str) -> bool:
        """Whether there is a limit for what is guarded."""
        return self._limits.guards(guard)

    @property
    def counts_players(self) -> bool:
        """Whether there is a limit for scores by their players."""
        return self._limits.guards("score", "player")

    def caller(self, address: str | None, key: str | None) -> Caller:
        """A key counts as a subject where the server knows it, or knows none; else anybody could make up new ones."""
        return Caller(address or "unknown", key if self._guard.accepts(key) else None)

    def take(self, guard: str, n: int = 1, players: Mapping[str, int] | None = None) -> None:
        """In a request: take `n` of what is guarded. The answer, whatever it is, will carry the headers.

        Raises RateLimited, StoreUnavailable. One round trip, none where the guard has no policy.
        """
        if not self.counts(guard):
            return
        caller = self.caller(request.remote_addr, key_of(request.headers))
        try:
            _said().extend(self._limits.take(guard, caller, n, players))
        except RateLimited as refused:
            _said().extend(refused.evidence["decisions"])
            raise

    def take_for(self, caller: Caller, guard: str, n: int = 1, players: Mapping[str, int] | None = None) -> None:
        """On a socket: as `take`; a refusal's problem document says what the headers would."""
        self._limits.take(guard, caller, n, players)

    def scores(self, body: object, caller: Caller | None = None) -> None:
        """Take what a body of one score or of a batch costs: one for each score. In a request, or for a caller."""
        if not self.counts("score"):
            return
        items = body.get("scores") if isinstance(body, dict) else None
        if not isinstance(items, list) or not 1 <= len(items) <= BATCH:
            items = [body]
        players = Counter(filter(None, map(_player, items))) if self.counts_players else None
        if caller is None:
            self.take("score", len(items), players)
        else:
            self.take_for(caller, "score", len(items), players)

    def watch(self, blueprint: Blueprint, guard: str, methods: Iterable[str]) -> None:
        """Take one before every request of a blueprint with one of these methods."""

        @blueprint.before_request
        def take() -> None:
            if request.method in methods:
                self.take(guard)


def make_limits(limits: Limits, door: Door) -> Blueprint:
    """The blueprint of `GET /api/v1/limits`; for every other blueprint it also guards the reads under /api/v1, and writes
    the headers of the answers.
    """
    blueprint = Blueprint("limits", __name__, url_prefix="/api/v1")

    @blueprint.get("/limits")
    def show() -> ResponseReturnValue:
        limits.report()
        return jsonify(limits.state())

    @blueprint.before_app_request
    def take_read() -> None:
        is_api = str(request.url_rule or "").startswith(API)
        if is_api and request.method in READING and request.endpoint not in OTHERWISE:
            door.take("read")

    @blueprint.after_app_request
    def write_headers(response: Response) -> Response:
        for name, value in headers(g.get("rate_decisions", ())):
            response.headers[name] = value
        return response

    return blueprint


def headers(decisions: Sequence[RateDecision]) -> tuple[tuple[str, str], ...]:
    """What an answer's headers say of limits."""
    if not decisions:
        return ()
    tightest = _tightest(decisions)
    policies = [f'"{d.policy}";q={d.limit};w={d.window_s}' for d in tightest]
    left = [f'"{d.policy}";r={d.remaining};t={whole_s(d.more_s)}' for d in tightest]
    return ("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))


def _player(item: object) -> str | None:
    """Whose score it is; None where that is not clear, so that another check refuses the score."""
    try:
        return clean_player(item["player"]) if isinstance(item, dict) else None
    except (KeyError, InvalidInput):
        return None


def _said() -> list[RateDecision]:
    if "rate_decisions" not in g:
        g.rate_decisions = []
    decisions: list[RateDecision] = g.rate_decisions
    return decisions


def _tightest(decisions: Iterable[RateDecision]) -> list[RateDecision]:
    """One for each policy: of several players' limits the one that will be reached first."""
    found: dict[str, RateDecision] = {}
    for decision in decisions:
        other = found.get(decision.policy)
        if other is None or decision.remaining < other.remaining:
            found[decision.policy] = decision
    return list(found.values())
