"""Cursors: a page's `next`, which remembers the row behind which the next page begins. Opaque to who carries it."""

import base64
import binascii
import json
import math

from dashboard.errors import BadCursor


def write_cursor(score: float, member: str) -> str:
    """The cursor of a row by its score and member; in the archive, whose rows stand still, by its place and ''."""
    text = json.dumps([score, member], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def open_cursor(cursor: str) -> tuple[int | str, str]:
    """Score, as text where it is not whole, and member. Raises BadCursor."""
    try:
        score, member = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(score) in (int, float) and abs(score) < math.inf and type(member) is str:
            member.encode()
            return score if type(score) is int else repr(score), member
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise BadCursor("This cursor was not made by this server: take `next` from a page.", ("/cursor", "unknown"))
