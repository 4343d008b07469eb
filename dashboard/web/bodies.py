"""Strict JSON: what comes in is either exactly what was meant or a clear error.

Owns: bytes to values. Refused: broken UTF-8, duplicate keys, NaN and Infinity, numbers beyond a double, lone surrogates,
deep nesting, too many bytes. Leaves to others: what the values must be (`models.py`).
"""

import json
import re
from collections import Counter
from typing import Any, NoReturn

from flask import Request
from werkzeug.http import parse_options_header

from dashboard.errors import MalformedInput, TooLarge, UnsupportedMedia

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[{]+|[\]}]+")


def read_json(request: Request) -> Any:
    """The value of a request's body. Raises UnsupportedMedia, MalformedInput, TooLarge."""
    check_media(request.mimetype)
    return parse(request.get_data())


def media_type(content_type: str) -> str:
    """The media type of a Content-Type, without its parameters, as Flask reads it."""
    return parse_options_header(content_type)[0].lower()


def check_media(media: str) -> None:
    """Raises UnsupportedMedia."""
    if media != "application/json":
        raise UnsupportedMedia("Send JSON, and say so: -H 'Content-Type: application/json'.")


def parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises MalformedInput, TooLarge."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A body has at most {MAX_BYTES} bytes; send large batches in parts.")
    if not body.strip():
        raise MalformedInput("The body is empty; JSON was expected.")
    if _depth(body) > MAX_DEPTH:
        raise MalformedInput(f"The JSON is nested more than {MAX_DEPTH} deep.")
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise MalformedInput(f"The body is not UTF-8: byte {error.start} is out of place.") from None
    except UnicodeEncodeError:
        raise MalformedInput("The JSON holds a lone surrogate, which is no character.") from None
    except json.JSONDecodeError as error:
        raise MalformedInput(f"The body is not JSON: {error.msg} (line {error.lineno} column {error.colno}).") from None
    except ValueError as error:  # an integer of thousands of digits
        raise MalformedInput(f"The body is not JSON that can be read: {error}") from None
    return value


def _depth(body: bytes) -> int:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for run in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += len(run) if run[:1] in b"[{" else -len(run)
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedInput(f"The JSON has the key {twice[:60]!r} twice in one object.")
    return members


def _constant(name: str) -> NoReturn:
    raise MalformedInput(f"{name} is not JSON.")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedInput(f"The number {text[:40]} is too large.")
    return value
