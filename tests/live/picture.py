"""What a viewer of one board topic sees, built from the answer to `subscribe` and the frames by the contract's rules alone."""

from typing import Any

Row = tuple[str, int]


class Lost(AssertionError):
    """A gap before a changed-rows frame: a viewer would have to subscribe again."""


class Picture:
    """`take` the answer, and `show` each frame as it comes; frames that come before the answer are held."""

    def __init__(self) -> None:
        self.epoch = ""
        self.seq = 0
        self.players = 0
        self._rows: dict[int, Row] = {}
        self._held: list[dict[str, Any]] = []
        self._waiting = True
        self.frames = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As the API gives them."""
        ranks = sorted(self._rows)
        return [{"rank": rank, "player": self._rows[rank][0], "score": self._rows[rank][1]} for rank in ranks]

    def again(self) -> None:
        """The viewer subscribed again: hold frames until the answer is there."""
        self._waiting = True

    def take(self, answer: dict[str, Any]) -> None:
        snapshot = answer["snapshot"]
        self.epoch, self.seq, self.players = answer["epoch"], answer["seq"], snapshot["players"]
        self._rows = {row["rank"]: (row["player"], row["score"]) for row in snapshot["rows"]}
        self._go_on()

    def refused(self) -> None:
        """The answer was a refusal: what was watched before goes on."""
        self._go_on()

    def _go_on(self) -> None:
        self._waiting = False
        held, self._held = self._held, []
        for frame in held:
            if frame["epoch"] == self.epoch and frame["seq"] > self.seq:
                self.show(frame)

    def show(self, frame: dict[str, Any]) -> None:
        if self._waiting:
            self._held.append(frame)
            return
        self.frames += 1
        assert frame["epoch"] == self.epoch, "a frame of another life of the topic"
        assert frame["seq"] > self.seq, "frames go backwards"
        rows = {row["rank"]: (row["player"], row["score"]) for row in frame["rows"]}
        if frame["full"]:
            self._rows = rows
        elif frame["seq"] != self.seq + 1:
            raise Lost(f"{self.seq} then {frame['seq']}")
        else:
            self._rows |= rows
        self.seq, self.players = frame["seq"], frame["players"]
        self._rows = {rank: row for rank, row in self._rows.items() if rank <= self.players}
