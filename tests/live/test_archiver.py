"""The archivers of several servers, running beside each other."""

import threading

from dashboard.core.periods import period
from dashboard.live.archiver import Archiver
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import BoardSettings, Score
from tests.core.times import DAY_MS, archiving_at, store_ms
from tests.store.hold import wait_until


def test_archivers_of_several_servers_archive_what_is_over_and_go_on(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("day",), late_s=40 * DAY_MS // 1000))
    archivers = [Archiver(archiving_at(parts, 50 * DAY_MS).archive_due, look_s=0.02) for _ in range(3)]
    threads = [threading.Thread(target=archiver.run) for archiver in archivers]
    for thread in threads:
        thread.start()
    for n in (1, 2):
        at = store_ms(parts.client) - n * DAY_MS
        parts.scores.submit(board, [Score("a", n, at)])
        ranking = keys.ranking(board, period("day", at).id)
        wait_until(lambda key=ranking: parts.client.pttl(key) > 0)  # type: ignore[misc]
    for archiver in archivers:
        archiver.stop()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert parts.client.hlen(keys.unarchived(board)) == 0
