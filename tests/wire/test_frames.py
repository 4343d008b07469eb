"""Frames: as another implementation reads and writes them, in whatever pieces they come, and every rule that can be broken."""

import random
import struct
from contextlib import suppress

import pytest
import wsproto.frame_protocol as reference
from hypothesis import given
from hypothesis import strategies as st

from dashboard.wire import frames
from dashboard.wire.frames import FrameError, Reader, close_code, close_frame, frame, unmask
from tests.wire.client import masked

SIZES = st.sampled_from([0, 1, 5, 125, 126, 127, 1000, 65_535, 65_536, 70_000])
messages = st.lists(st.tuples(st.sampled_from([frames.TEXT, frames.BINARY]), SIZES, st.integers(1, 4)), max_size=4)


def pieces(data: bytes, seed: int) -> list[bytes]:
    """Cut anywhere, also inside a head."""
    cuts = sorted(random.Random(seed).choices(range(len(data) + 1), k=min(12, len(data))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def read(data: bytes, most: int = 1 << 20) -> list[tuple[int, bytes]]:
    return list(Reader(most).feed(data))


def _bytes(payload: object) -> bytes:
    return payload.encode() if isinstance(payload, str) else bytes(payload)  # type: ignore[call-overload]


@given(messages, st.integers(0, 10_000), st.booleans())
def test_what_another_implementation_sends_is_read_whatever_its_pieces(
    wanted: list[tuple[int, int, int]], seed: int, plain: bool
) -> None:
    client = reference.FrameProtocol(client=True, extensions=[])
    noise = random.Random(seed)
    sent, expected = b"", []
    for opcode, size, parts in wanted:
        payload = noise.randbytes(size) if opcode == frames.BINARY else b"x" * size
        expected.append((opcode, payload))
        step = max(1, -(-size // parts))
        cut = [payload[at : at + step] for at in range(0, size, step)] or [b""]
        for n, part in enumerate(cut):
            whole = n == len(cut) - 1
            sent += client.send_data(part if opcode == frames.BINARY else part.decode(), fin=whole)
            if not whole and noise.random() < 0.3:
                sent += client.ping(b"p")
                expected.insert(len(expected) - 1, (frames.PING, b"p"))
    reader = Reader(1 << 20)
    got = [each for piece in pieces(sent, seed) for each in reader.feed(piece)]
    assert got == expected
    assert reader.held == 0


@given(SIZES, st.sampled_from([frames.TEXT, frames.BINARY]))
def test_what_is_sent_another_implementation_reads(size: int, opcode: int) -> None:
    client = reference.FrameProtocol(client=True, extensions=[])
    client.receive_bytes(frame(b"y" * size, opcode) + close_frame(4008, "slow"))
    *parts, last = client.received_frames()
    assert b"".join(_bytes(part.payload) for part in parts) == b"y" * size
    assert last.opcode == reference.Opcode.CLOSE
    assert last.payload[0] == 4008


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_xor_of_the_standard(payload: bytes, mask: bytes) -> None:
    assert unmask(payload, mask) == bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


BIG = 1000


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x0240", frames.BROKEN_RULE),
        (masked(b"x", 0xC1), frames.BROKEN_RULE),
        (masked(b"x", 0x83), frames.BROKEN_RULE),
        (masked(b"x", 0x8B), frames.BROKEN_RULE),
        (masked(b"x", 0x09), frames.BROKEN_RULE),
        (masked(b"x" * 126, 0x89), frames.BROKEN_RULE),
        (masked(b"x", 0x80), frames.BROKEN_RULE),
        (masked(b"x", 0x01) + masked(b"y", 0x81), frames.BROKEN_RULE),
        (masked(b"x" * (BIG + 1)), frames.TOO_BIG),
        (struct.pack("!BBQ4s", 0x81, 255, 1 << 62, b"mask"), frames.TOO_BIG),
        (masked(b"x" * 600, 0x01) + masked(b"x" * 600, 0x00), frames.TOO_BIG),
        (masked(b"", 0x01) + masked(b"", 0x00) * frames.MOST_FRAGMENTS, frames.TOO_BIG),
    ],
    ids=lambda given: str(given)[:24],
)
def test_a_broken_rule_has_its_code_and_what_came_before_is_read(sent: bytes, code: int) -> None:
    reading = Reader(BIG).feed(masked(b"good") + sent)
    assert next(reading) == (frames.TEXT, b"good")
    with pytest.raises(FrameError) as broken:
        list(reading)
    assert broken.value.code == code


def test_a_message_of_full_size_is_taken_whole_and_in_parts() -> None:
    full = b"x" * BIG
    assert read(masked(full), BIG) == [(frames.TEXT, full)]
    assert read(masked(full[:1], 0x01) + masked(full[1:], 0x80), BIG) == [(frames.TEXT, full)]


def test_no_more_is_kept_than_a_message_may_have() -> None:
    reader = Reader(BIG)
    list(reader.feed(masked(b"x" * 500, 0x01) + masked(b"y" * 500, 0x00)[:-1]))
    assert reader.held <= BIG + 14


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert close_code(struct.pack("!H", code) + "schluß".encode()) == code


@pytest.mark.parametrize(
    "payload", [b"\x03", b"\x00\x01", *(struct.pack("!H", n) for n in (999, 1004, 1005, 1006, 1015, 2000, 5000))]
)
def test_codes_that_may_not(payload: bytes) -> None:
    with pytest.raises(FrameError):
        close_code(payload)


def test_no_code_is_a_normal_end() -> None:
    assert close_code(b"") == frames.NORMAL


def test_a_reason_that_is_not_text_is_refused_and_a_long_one_is_cut_between_characters() -> None:
    with pytest.raises(FrameError):
        close_code(struct.pack("!H", 1000) + b"\xff")
    cut = close_frame(1000, "ß" * 100)
    assert cut[1] == 124
    assert cut[4:].decode() == "ß" * 61


@given(messages, st.integers(0, 10_000))
def test_what_is_one_whole_short_text_is_seen_at_once_and_nothing_else(
    sent: list[tuple[int, int, int]], seed: int
) -> None:
    noise, reader = random.Random(seed), Reader(1 << 20)
    heads = [0x81, 0x82, 0x01, 0x80, 0x89, 0xC1]
    data = b"".join(masked(noise.randbytes(size), noise.choice(heads)) for _, size, _ in sent[:2])
    for piece in (data, *pieces(data, seed), bytes((0x81, 126 + noise.randrange(130))) + noise.randbytes(seed % 140)):
        if not piece:
            continue
        with suppress(FrameError):
            text = reader.one(piece)
            alone = read(piece) if reader.held == 0 else []
            assert (text is not None) == (len(alone) == 1 and alone[0][0] == frames.TEXT and whole_and_short(piece))
            assert text is None or [(frames.TEXT, text)] == alone
            if text is None:
                list(reader.feed(piece))


def whole_and_short(data: bytes) -> bool:
    return data[0] == 0x81 and data[1] & 127 < 126 and len(data) == 6 + data[1] % 128
