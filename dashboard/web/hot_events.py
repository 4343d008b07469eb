"""Socket events that are answered inside the event loop: scores, and watching what others watch already.

Owns: which events those are. Leaves to others: what an event means and what is answered, which is the same in both lanes
(`sockets.py`, `submit.py`, `hot_scores.py`), bytes and order (`wire/`).

What is refused before it is written, and a `subscribe` that has to ask Redis, goes to the ordinary handler.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from dashboard.errors import ScorecastError
from dashboard.values import RateDecision, Score
from dashboard.web.bodies import parse
from dashboard.web.clients import Clients
from dashboard.web.hot_scores import HotScores
from dashboard.web.limits import Door
from dashboard.web.models import NAME, SubscribeIn, TopicIn, split_scores, validate
from dashboard.web.packets import Json
from dashboard.web.sockets import failed, split_board
from dashboard.web.submit import FIELDS, Items, Outcome, encode, read_plain, spaced

LONGEST = 1 << 16
"""A longer event would hold up all others for too long."""
MOST_KNOWN = 1024
"""Viewers send the same words again and again: so many are remembered, none longer than LONGEST_KNOWN, with what was answered
last, if that is not longer than LONGEST_KEPT: a thousand rows take ten times as much again as values.
"""
LONGEST_KNOWN = 512
LONGEST_KEPT = 4096
_HEAD = r'_\[_"EVENT"_,_{_"board"_:_"(NAME)"_,_'
SCORE = re.compile(spaced(_HEAD.replace("EVENT", "score") + FIELDS + r"_}_\]_").replace("NAME", NAME.pattern))
BATCH = re.compile(spaced(_HEAD.replace("EVENT", "scores")).replace("NAME", NAME.pattern))

Reply = Callable[[bytes | None], None]
Taker = Callable[[str, str, Reply], bool]


class HotFeeds(Protocol):
    """What can be watched without waiting; None or False: not now, and nothing happened."""

    def subscribe_now(self, viewer: str, topic: str, limit: int | None, after: str | None) -> dict[str, Any] | None: ...
    def unsubscribe_now(self, viewer: str, topic: str) -> bool: ...


class _Known:
    """Words as they were read, and what was answered last."""

    __slots__ = ("answer", "given", "shown")

    def __init__(self, given: Any) -> None:
        self.given = given
        self.shown: dict[str, Any] | None = None
        self.answer = b""

    def answer_with(self, shown: dict[str, Any]) -> bytes:
        if shown is self.shown:
            return self.answer
        answer = Json.dumps(shown).encode()
        self.shown, self.answer = (shown, answer) if len(answer) <= LONGEST_KEPT else (None, b"")
        return answer


class HotEvents:
    """Its `takers` are for `wire/takers.py`. Of the event loop: nothing blocks, nothing is raised."""

    def __init__(self, clients: Clients, scores: HotScores | None, feeds: HotFeeds, door: Door) -> None:
        self._clients = clients
        self._feeds = feeds
        self._known: dict[str, _Known] = {}
        self.answered = 0
        self.takers: dict[str, Taker] = {"unsubscribe": self._unsubscribe}
        if not door.counts("read"):
            self.takers["subscribe"] = self._subscribe
        if scores is not None:
            self.takers["score"] = partial(self._write, scores, False)
            self.takers["scores"] = partial(self._write, scores, True)

    def _write(self, scores: HotScores, many: bool, sid: str, text: str, reply: Reply) -> bool:
        client = self._clients.find(sid)
        if client is None or not client.writes or len(text) > LONGEST:
            return False
        try:
            board, is_batch, items = read_event(text)
        except Exception:  # the ordinary handler finds it too, and says so
            return False

        def told(outcome: Outcome | Exception | None, decisions: Sequence[RateDecision] = ()) -> None:
            self.answered += outcome is not None
            reply(None if outcome is None else _answer(is_batch, outcome))

        return is_batch is many and scores.submit(board, items, client.caller, told, as_operator=client.operates)

    def _subscribe(self, sid: str, text: str, reply: Reply) -> bool:
        known = self._read(SubscribeIn, text)
        if known is None or self._clients.find(sid) is None:
            return False
        wanted = known.given
        frame = self._feeds.subscribe_now(sid, wanted.topic, wanted.limit, wanted.after)
        if frame is None:
            return False
        self.answered += 1
        reply(known.answer_with(frame))
        return True

    def _unsubscribe(self, sid: str, text: str, reply: Reply) -> bool:
        known = self._read(TopicIn, text)
        if known is None or not self._feeds.unsubscribe_now(sid, known.given.topic):
            return False
        self.answered += 1
        reply(known.answer or known.answer_with({"topic": known.given.topic}))
        return True

    def _read(self, model: type[SubscribeIn | TopicIn], text: str) -> _Known | None:
        """What a payload says; None where it is not in order."""
        known = self._known.get(text)
        if known is None and len(text) <= LONGEST_KNOWN:
            try:
                _, payload = parse(text.encode())
                known = _Known(validate(model, payload))
            except (ScorecastError, ValueError):
                return None
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[text] = known
        return known


def read_event(text: str) -> tuple[str, bool, Items]:
    """The board, whether it is a batch, and its scores, of a `score` or `scores`. Raises what the ordinary handler does, or
    ValueError.
    """
    one = SCORE.fullmatch(text)
    if one is not None:
        return one[1], False, (Score(one[2], int(one[3])),)
    head = BATCH.match(text)
    if head is not None and text[-1] == "]":
        plain = read_plain(b"{" + text[head.end() : -1].encode())
        if plain is not None:
            return head[1], *plain
    _, payload = parse(text.encode())
    board, body = split_board(payload)
    return board, *split_scores(body)


def _answer(is_batch: bool, outcome: Outcome | Exception) -> bytes:
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return encode(is_batch, outcome)[:-1]  # without its end of line
    except Exception as error:
        return Json.dumps(failed(error, "scores" if is_batch else "score")).encode()
