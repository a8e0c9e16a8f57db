"""Any text as LaTeX that sets it as it is, with LaTeX's own fonts and no package."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pipeline.wording import printable

_BETWEEN: Final = "\x00"
"""Keeps two signs apart; no printable text has it."""

_COMMANDS: Final = {
    _BETWEEN: "{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"{''}",
    # After a line of a table, an option or a star of the line's end.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "∞": r"$\infty$",
    "µ": r"$\mu$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "©": r"\copyright{}",
    "£": r"\pounds{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "\u00a0": "~",
} | {letter: f"\\{letter}" for letter in "&%$#_{}"}

_ACCENTS: Final = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u ",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r ",
    "\u030b": "H ",
    "\u030c": "v ",
    "\u0323": "d ",
    "\u0327": "c ",
}
"""Combining character -> the command that sets it on a letter, in any of LaTeX's encodings of fonts."""

_GREEK: Final = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_GREEK_CAPITALS: Final = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")


def escape_latex(text: str) -> str:
    """``text`` on one line, every character as it is, whatever it means to LaTeX.

    What no font of LaTeX's own has, such as Chinese, is set as its code point (``U+4E2D``).
    """
    whole = unicodedata.normalize("NFC", printable(text))
    # Two dashes, commas or apostrophes would be set as one other sign.
    return re.sub(r"([-,'])(?=\1)", rf"\1{_BETWEEN}", whole).translate(_SIGNS)


class _Signs(dict[int, str]):
    """Code point -> LaTeX, found when it is first asked for."""

    def __missing__(self, code: int) -> str:
        self[code] = _escaped(chr(code))
        return self[code]


def _escaped(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isascii():
        return character
    base, *marks = tuple(unicodedata.normalize("NFD", character))
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii() and base.isalpha():
        accented = {"i": r"\i", "j": r"\j"}.get(base, base) if marks[0] not in {"\u0323", "\u0327"} else base
        return rf"{{\{_ACCENTS[marks[0]]}{{{accented}}}}}"
    return _greek(character) or rf"\texttt{{U+{ord(character):04X}}}"


def _greek(character: str) -> str:
    """Empty for what is no Greek letter that LaTeX has a name for."""
    match = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if not match:
        return ""
    name = match[2].lower().replace("lamda", "lambda")
    if match[1] == "SMALL":
        return rf"$\{name}$" if name in _GREEK else ""
    return rf"$\{name.capitalize()}$" if name in _GREEK_CAPITALS else ""


_SIGNS: Final = _Signs()
