"""Cursors: a page's `next`, which remembers the row behind which the next page begins. Opaque to who carries it."""

import base64
import binascii
import json
import math
from collections.abc import Sequence

from dashboard.errors import BadCursor


def write_cursor(score: float, member: str) -> str:
    """The cursor of a row by its score and member; in the archive, whose rows stand still, by its place and ''.

    Members that other programs wrote may be no UTF-8: their bytes come as lone surrogates.
    """
    text = json.dumps([score, member], ensure_ascii=not member.isprintable(), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_start(cursor: str | None) -> Sequence[str | int]:
    """Where a page begins, as read_rows.lua takes it: behind a cursor's row, or at the first. Raises BadCursor."""
    return ("at", 0) if cursor is None else ("after", *open_cursor(cursor))


def open_cursor(cursor: str) -> tuple[int | str, str]:
    """Score, as text where it is not whole, and member. Raises BadCursor."""
    try:
        score, member = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        whole = type(score) is int
        if (whole or (type(score) is float and math.isfinite(score))) and type(member) is str:
            member.encode(errors="surrogateescape")
            return score if whole else repr(score), member
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise BadCursor("This cursor was not made by this server: take `next` from a page.", ("/cursor", "unknown"))
