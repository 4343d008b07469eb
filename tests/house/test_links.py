"""Links in the documentation lead somewhere: to a file, to a heading in it, to a test function that is there.

A link to a file of tests says in its title or its text which function it means. Links to other sites are not followed.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")])
COMPARED = "## Beside ten other systems"

CODE = re.compile(r"^```.*?^```|^(?: {4}|\t).*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r'\[([^\[\]]*)\]\(([^)\s]+)(?:\s+"([^"]*)")?\)')
DEFINED = re.compile(r'^\[([^\[\]]+)\]:[ ]+(\S+)(?:[ ]+"([^"]*)")?[ ]*$', re.MULTILINE)
USED = re.compile(r"\[([^\[\]]+)\](?:\[([\w -]*)\])?(?![(:])")
SITE = re.compile(r"[a-z][a-z+.-]*:")
TEST_FILE = re.compile(r"(?:.*/)?test_\w+\.py")


class Link(NamedTuple):
    text: str
    target: str
    title: str

    @property
    def function(self) -> str:
        """The test that is meant, or an empty text."""
        return next((said for said in (self.title, self.text) if re.fullmatch(r"test_\w+", said)), "")


def prose(text: str) -> str:
    """The page without its code; in a link's text the backticks alone go."""
    return CODE.sub("", re.sub(r"\[`([^`\]\n]+)`\]", r"[\1]", text))


def definitions(text: str) -> dict[str, Link]:
    """What stands behind the labels, `[label]: target "title"`."""
    return {label.lower(): Link(label, target, title) for label, target, title in DEFINED.findall(text)}


def labels(text: str) -> Iterator[tuple[str, bool]]:
    """Labels as they are used, and whether one must be defined: `[text][label]` and `[label][]` are links or mistakes."""
    for text_part, label in USED.findall(DEFINED.sub("", text)):
        yield (label or text_part).lower(), bool(label)


@cache
def anchors(path: Path) -> frozenset[str]:
    """The headings of a page as they stand in addresses."""
    headings = re.findall(r"^#+ (.+?)\s*$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S), re.M)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def wrong(link: Link, page: Path) -> str:
    """What is the matter with a link, or an empty text."""
    name, _, anchor = link.target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if SITE.match(link.target):
        return ""
    if not path.exists():
        return f"{link.target}: no such file"
    if anchor and anchor not in anchors(path):
        return f"{link.target}: no such heading"
    if TEST_FILE.fullmatch(name) and link.function not in functions(path):
        return f"{link.target}: no test {link.function or 'is named'}"
    return ""


def mistakes(text: str, page: Path) -> list[str]:
    text = prose(text)
    defined, used = definitions(text), list(labels(text))
    links = [Link(*found) for found in INLINE.findall(text)] + list(defined.values())
    return [
        *filter(None, (wrong(link, page) for link in links)),
        *(f"[{label}] is not defined" for label, must in used if must and label not in defined),
        *(f"[{label}] is not used" for label in defined if label not in {label for label, _ in used}),
    ]


def unproved(text: str) -> list[str]:
    """The lines of the comparison whose first cell leads to no test."""
    section = re.split(r"^## ", text.partition(COMPARED)[2], maxsplit=1, flags=re.M)[0]
    proofs = {label for label, link in definitions(text).items() if link.function}
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith(("| |", "|-"))]
    assert lines
    return [line for line in lines if proofs.isdisjoint(label for label, _ in labels(line.split("|")[1]))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert mistakes(page.read_text(), page) == []


def test_every_line_of_the_comparison_leads_to_a_test() -> None:
    assert unproved((ROOT / "docs" / "boards.md").read_text()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x](nowhere.md)", "no such file"),
        ("![x](pictures/nothing.png)", "no such file"),
        ("[`x`](nowhere.md)", "no such file"),
        ("[x](api.md#nothing)", "no such heading"),
        ("[x](#nothing)", "no such heading"),
        ("[x](../tests/house/test_links.py)", "no test is named"),
        ('[x](../tests/house/test_links.py "test_nothing")', "no test test_nothing"),
        ("[test_nothing](../tests/house/test_links.py)", "no test test_nothing"),
        ('[x][y]\n\n[y]: ../tests/house/test_links.py "test_nothing"', "no test test_nothing"),
        ("[x][y]", "[y] is not defined"),
        ("[y]: api.md", "[y] is not used"),
    ],
)
def test_control_a_broken_link_is_found(text: str, said: str) -> None:
    (found,) = mistakes(text, ROOT / "docs" / "boards.md")
    assert said in found


@pytest.mark.parametrize(
    "text",
    [
        "[x](api.md#errors) [y](#files) [z](https://example.test/a#b) `[a](b)` [0, 1] [1]",
        '[x][y] [Y]\n\n[y]: ../tests/house/test_links.py "test_every_link_leads_somewhere"',
        "```\n[x](nowhere.md)\n```\n\n    [x](nowhere.md)\n",
    ],
)
def test_control_a_good_link_is_left_alone(text: str) -> None:
    assert mistakes(text, ROOT / "docs" / "boards.md") == []


def test_control_a_line_without_a_test_is_found() -> None:
    good, bare = "| [a][one] | yes |", "| b | no |"
    table = f"{COMPARED}\n\n| | X |\n|---|---|\n{good}\n{bare}\n\n## Next\n\n| c |\n"
    assert unproved(f'{table}\n[one]: ../tests/house/test_links.py "test_one"\n') == [bare]
