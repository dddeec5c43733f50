"""What is wrong with a YAML file, in words for someone who does not know YAML's grammar."""

import re

import yaml

from gcov.addresses import shown

QUOTE = 'put a text that begins with a special character in quotes: "*.h5"'
HINTS = (  # pattern in the parser's words; {} is the line where the list, mapping or text begins
    (r"'\\t'", "a tab: indent with spaces"),
    (r"found ('\]'|'}'|'<scalar>'|',')", "something follows a text, a list or a mapping: check quotes and brackets"),
    (
        r"expected (<block end>|'<document start>')",
        "this line is not indented like those that it belongs with: all keys of one level begin in the same column",
    ),
    (
        r"mapping values are not allowed",
        "a colon where no key can be: write a blank after each `key:`, indent all keys of one level equally, and put a"
        " text with a colon in quotes. Check the line above as well",
    ),
    (r"expected ',' or", "the list or mapping that begins in line {} is not closed, or a comma is missing"),
    (r"unexpected end of stream", "the text that begins in line {} has no closing quote"),
    (r"alphabetic or numeric character|undefined alias|cannot start any token|constructor for the tag", QUOTE),
    (r"another document", "`---` begins a second document: there should be one"),
    (r"unknown escape", "a backslash in double quotes: use single quotes"),
)  # fmt: skip


def in_words(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line number of an error in a YAML text, and what to do about it; otherwise what the parser says."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, f"a control character, #x{error.character:02x}: remove it"
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    line, problem = (mark.line if mark else 0), str(getattr(error, "problem", error))
    if re.match(r"[ ]*\t", text.split("\n")[line]):
        problem = "found '\\t'"
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, problem)), shown(problem))
    return line + 1, hint.format(start.line + 1 if start else line + 1)
