"""Texts that LaTeX and Markdown show as they are."""

from __future__ import annotations

import re

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "phi"),
    *("chi", "psi", "omega"),
)
_CAPITAL = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi")
_SYMBOLS = {
    **{chr(0x3B1 + at): name for at, name in enumerate(_GREEK) if name},
    **{chr(0x391 + _GREEK.index(name)): name.capitalize() for name in (*_CAPITAL, "omega")},
    **{"µ": "mu", "×": "times", "±": "pm", "÷": "div", "·": "cdot", "∞": "infty"},
    **{"→": "to", "←": "leftarrow", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx"},
    **{"∈": "in", "∇": "nabla", "∂": "partial", "∑": "sum", "√": "surd", "∼": "sim"},
}
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    # A row that begins with one of these would be an option of the rule or the row before it.
    **{character: f"{{{character}}}" for character in "[]*"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    **{char: rf"\ensuremath{{\{name}}}" for char, name in _SYMBOLS.items()},
    "−": r"\ensuremath{-}",
    # Of no use to anybody and an error to LaTeX: as Python shows them.
    **{chr(code): rf"\textbackslash{{}}x{code:02x}" for code in (*range(32), *range(127, 160))},
}
_MARKDOWN = set("\\`*_{}[]()<>#+!|~$&")
_LATIN = 0x17F  # the last letter of Latin that pdfLaTeX has without more packages


def latex_text(text: str) -> str:
    """A text that LaTeX sets as it is."""
    escaped = "".join(_LATEX.get(char, char) for char in " ".join(text.split()))
    return re.sub("-(?=-)", "-{}", escaped)  # two would be set as one longer dash


def beyond_latin(text: str) -> str:
    """The characters of a text that ``latex_text`` gave which pdfLaTeX does not know."""
    return "".join(char for char in text if ord(char) > _LATIN)


def markdown_text(text: str) -> str:
    """A text that Markdown shows as it is, also in a table."""
    line = " ".join(text.split())
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in line)
