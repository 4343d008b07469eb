"""What the product as shipped can do: rows `screen`, `many` and `many-rate`. No peer does this."""

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from bench import scores
from bench.crowd import Crowd
from bench.http_load import HttpLoad
from bench.pictures import MARKER
from bench.stage import Stage
from bench.table import OURS, Figures
from bench.watching import show

VIEWERS = 1000
RATE = 2000.0
MARKED = 20
"""Every so manieth score is the marker's."""
CONNECTIONS = 32
MANY = 10_000
MANY_TICK_MS = 500


def screen(stage: Stage) -> Iterator[Figures]:
    """2,000 scores a second over HTTP; from when a score was due to be posted until it, or a later one, is at a viewer."""
    seconds = stage.seconds * (2 if stage.quick else 4)
    with stage.whole() as server:
        crowd = Crowd(stage.loop, server.port)
        load = HttpLoad(stage.loop, server.port, CONNECTIONS, scores.requests(server.port))
        try:
            load.run(0.5)
            crowd.connect(VIEWERS, [scores.TOPIC])
            stage.say(f"screen: {RATE:g} scores a second to {VIEWERS} viewers")
            crowd.samples = []
            dues, late_s = _post(load, server.port, RATE, seconds)
            crowd.settle(lambda: crowd.picture(scores.TOPIC).rows == server.top(crowd.limit))
            p99_ms = percentile_ms(dues, crowd.samples, 0.99)
            notes = [f"{late_s:.1f} s late after {seconds:g} s; {crowd.skipped} frames conflated, {crowd.gaps} gaps"]
            yield Figures("screen", {OURS: [p99_ms]}, notes)
        finally:
            load.close()
            crowd.close()


def _post(load: HttpLoad, port: int, rate: float, seconds: float) -> tuple[list[int], float]:
    """When the marker's scores were due, in microseconds, and by how many seconds the load was late in the end."""
    dues: list[int] = []
    count = 0

    def marker(due: float) -> bytes | None:
        nonlocal count
        count += 1
        if count % MARKED:
            return None
        dues.append(int(due * 1e6))
        return scores.request(port, b'{"player":"%b","score":%d}' % (MARKER.encode(), dues[-1]))

    late_s = load.pace(rate, seconds, marker)
    return dues, late_s


def percentile_ms(dues: Sequence[int], samples: Sequence[tuple[int, int, float]], share: float) -> float:
    """That percentile over markers and viewers. `dues`, rising, and the markers in `samples` are in microseconds: a sample
    says that at a time, in seconds, a viewer that had seen one marker saw another, and with it all between.
    """
    took = []
    for seen, sees, at_s in samples:
        took += [at_s * 1e3 - due / 1e3 for due in dues[bisect_right(dues, seen) : bisect_right(dues, sees)]]
    took.sort()
    return took[int(share * (len(took) - 1))]


def many(stage: Stage) -> Iterator[Figures]:
    """10,000 viewers, all rows of their board change at every tick of 500 ms."""
    seconds = 4.0 if stage.quick else 20.0
    with stage.whole(tick_ms=MANY_TICK_MS) as server:
        stage.say(f"many: connecting {MANY:,} viewers")
        began = time.monotonic()
        one = show(stage, server, MANY, 10)
        try:
            took_s = time.monotonic() - began
            one.run(2.0, hz=4.0)
            one.crowd.times.clear()
            cpu_s = server.meter.cpu_s()
            stage.say(f"many: {seconds:g} s of frames to {MANY:,} viewers")
            one.write(seconds, hz=4.0)
            times = one.crowd.times
            hz = (len(times) - 1) / (times[-1] - times[0])
            share = (server.meter.cpu_s() - cpu_s) * 100 / seconds
            one.settle()
            lost = float(one.crowd.skipped + one.crowd.gaps + one.crowd.repeated + one.crowd.lost)
            notes = [f"connected in {took_s:.1f} s; {share:.0f} % CPU, {server.meter.rss_kb() / 1000:.0f} MB"]
            yield Figures("many", {OURS: [lost]}, [*notes, one.trouble() or "every frame at every viewer"])
            yield Figures("many-rate", {OURS: [hz]})
        finally:
            one.crowd.close()
