"""Text in figures, drawn as it is written: no mathematics, and glyphs from any font of the machine that has them."""

import logging
from collections.abc import Sequence
from itertools import accumulate, zip_longest

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

log = logging.getLogger(__name__)


def verbatim(figure: Figure) -> None:
    """Draw every text of a figure as it is written, dollars and backslashes included.

    Characters that the usual font lacks come from another font of the machine, in normal weight. If none has them,
    their escapes are drawn, and one warning is logged.
    """
    fonts = Fonts()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        words = text.get_text()
        if not all(map(fonts.usual, words)):
            text.set_text("".join(map(fonts.shown, words)))
            text.set_fontweight("normal")
            text.set_fontfamily([*text.get_fontfamily(), *fonts.others])
    if fonts.lost:
        log.warning(
            "no font of this machine has %s: drawn as escapes. Install a font that has them, such as Noto Sans CJK",
            ", ".join(sorted(fonts.lost)),
        )


def shortened(name: str, most: int) -> str:
    """A name of at most `most` characters as `verbatim` draws them: escapes count in full.

    A longer name keeps its start and its end, because names of zones often differ there only.
    """
    fonts = Fonts()
    sizes = [len(fonts.shown(each)) for each in name]
    if sum(sizes) <= most:
        return name
    room = most - 1  # for the dots
    start = sum(total <= room - room // 3 for total in accumulate(sizes))
    end = sum(total <= room - sum(sizes[:start]) for total in accumulate(reversed(sizes)))
    return f"{name[:start]}…{name[len(name) - end :]}"


def distinct_names(names: Sequence[str], most: int) -> list[str]:
    """Names of at most `most` characters; if some would look alike, without the words that all begin with."""
    short = [shortened(name, most) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    begin = next(n for n, letters in enumerate(zip_longest(*names)) if len(set(letters)) > 1)
    return [shortened(f"…{name[begin:]}", most) for name in names]


class Fonts:
    """The fonts that a figure needs beside the usual one: their families, and the escapes of what no font has."""

    def __init__(self) -> None:
        self.others: list[str] = []
        self.lost: set[str] = set()
        self._usual = findfont(FontProperties())

    def usual(self, character: str) -> bool:
        """Whether the usual font has a character; a line break needs no glyph."""
        return (character.isascii() and character.isprintable()) or character == "\n" or _has(self._usual, character)

    def shown(self, character: str) -> str:
        """A character, or its escape if no font has it."""
        if self.usual(character) or any(_has(_face(family), character) for family in self.others):
            return character
        for font in fontManager.ttflist:
            if "Last" not in font.name and _has(font.fname, character) and _has(_face(font.name), character):
                self.others.append(font.name)
                return character
        escape = character.encode("unicode_escape").decode()
        self.lost.add(escape)
        return escape


def _face(family: str) -> str:
    """The file of a family's normal face."""
    return findfont(FontProperties(family=[family]))


def _has(path: str, character: str) -> bool:
    """Whether the font in a file can draw a character."""
    try:
        font = get_font(path)
        if not font.get_char_index(ord(character)):
            return False
        font.set_size(10, 72)
        glyph = font.load_char(ord(character))
    except (OSError, RuntimeError):  # not readable, or pictures instead of outlines
        return False
    return glyph.width > 0 or not character.isprintable() or character.isspace()
