"""Every Lua script opens with what it does, every KEYS[n] and ARGV[n] it uses, and what it returns."""

import re
from pathlib import Path

import pytest

LUA = Path(__file__).parents[2] / "dashboard" / "store" / "lua"
SCRIPTS = sorted(LUA.glob("*.lua"))
LITERAL = re.compile(r"\b(KEYS|ARGV)\[(\d+)\]")
DOCUMENTED = re.compile(r"\b(KEYS|ARGV)\[(\d+)(\.\.)?(?:(\d+))?\]")
UNPACKED = re.compile(r"\bunpack\((KEYS|ARGV), *(\d+)(?:, *(\d+))?\)")
COMPUTED = re.compile(r"\b(KEYS|ARGV)\[(?!\d+\])|#(KEYS|ARGV)\b|\b(?:ipairs|pairs)\((KEYS|ARGV)\)")


def faults(text: str) -> list[str]:
    """What the header of a script fails to say, or says of what is not there."""
    lines = text.splitlines()
    length = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header, body = "\n".join(lines[:length]), re.sub(r"--.*", "", "\n".join(lines[length:]))
    found = []
    if not re.match(r"-- (?!KEYS|ARGV|Returns)[A-Z].*[.:]", header):
        found.append("line 1 does not say what it does")
    if not re.search(r"^-- Returns ", header, re.MULTILINE):
        found.append("no line '-- Returns ...'")
    for kind in ("KEYS", "ARGV"):
        found += _indices(kind, header, body)
    return found


def _indices(kind: str, header: str, body: str) -> list[str]:
    documented: set[int] = set()
    rest: int | None = None  # documented as KEYS[5..]: all from 5 on
    for name, first, dots, last in DOCUMENTED.findall(header):
        if name == kind and dots and not last:
            rest = int(first) if rest is None else min(rest, int(first))
        elif name == kind:
            documented |= set(range(int(first), int(last or first) + 1))
    documented = {n for n in documented if rest is None or n < rest}
    used = {int(n) for name, n in LITERAL.findall(body) if name == kind}
    computed = any(kind in names for names in COMPUTED.findall(body))
    for name, first, last in UNPACKED.findall(body):
        if name == kind:
            used |= set(range(int(first), int(last or first) + 1))
            computed = computed or not last
    missing = sorted(n for n in used - documented if rest is None or n < rest)
    idle = sorted(documented - used) if not computed else []
    found = [f"{kind}[{n}] is used, not documented" for n in missing]
    found += [f"{kind}[{n}] is documented, not used" for n in idle]
    if computed and rest is None:
        found.append(f"{kind} is read by a computed index; the header has no {kind}[n..]")
    if rest is not None and not computed and not any(n >= rest for n in used):
        found.append(f"{kind}[{rest}..] is documented, not used")
    if sorted(documented) != list(range(1, len(documented) + 1)):
        found.append(f"{kind} is documented with gaps: {sorted(documented)}")
    if rest is not None and rest != len(documented) + 1:
        found.append(f"{kind}[{rest}..] does not follow {kind}[{len(documented)}]")
    return found


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_header_documents_what_the_script_uses(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_name_is_verb_noun(path: Path) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", path.stem)


GOOD = """-- Rename a thing.
-- KEYS[1] thing  KEYS[2..] its parts
-- ARGV[1] name
-- Returns 'ok'
for i = 2, #KEYS do redis.call('HSET', KEYS[i], 'of', KEYS[1]) end
return redis.call('HSET', KEYS[1], 'name', ARGV[1])
"""


def test_control_a_good_header_passes() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-- Rename a thing.\n", ""),
        ("-- Returns 'ok'\n", ""),
        ("  KEYS[2..] its parts", ""),
        ("-- ARGV[1] name\n", ""),
        ("-- ARGV[1] name", "-- ARGV[1] name  ARGV[2] colour"),
        ("-- ARGV[1] name", "-- ARGV[1] name  ARGV[2..] colours"),
        ("-- ARGV[1] name", "-- ARGV[2] name"),
        ("ARGV[1])\n", "ARGV[1], 'at', ARGV[2])\n"),
        ("KEYS[2..]", "KEYS[3..]"),
    ],
)
def test_control_a_bad_header_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    assert faults(GOOD.replace(old, new, 1))
