"""Rules that repair text; they reject nothing.

    - text: {columns: [title, body]}
    - trim: {columns: [scanner], lower: true}
"""

from __future__ import annotations

from typing import Literal

from laketrain.config.clean.base import BaseRule, Columns, Types, replaced


class Trim(BaseRule):
    """Removes white space around the text, and replaces each run of it within by one space. Rejects nothing."""

    rule: Literal["trim"]
    columns: Columns
    """Columns of text."""
    lower: bool = False
    """Whether to convert to lower case."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")


class Text(BaseRule):
    """Repairs text from the web and from exports. Each repair can be switched off. Rejects nothing.

    Repairs are applied in this order: literal escapes, entities and tags, Unicode normal form, control characters,
    white space, case. Null stays null. A text of which nothing is left becomes empty, and the rule `not_null` rejects
    it.
    """

    rule: Literal["text"]
    columns: Columns
    """Columns of text."""
    html: bool = True
    """Whether to decode entities (`&amp;`, also ` #39;` that lost its ampersand) and remove tags."""
    escapes: Literal["codes", "lone", "keep"] = "codes"
    """`codes`: replace a literal backslash followed by n, r or t by a space. `lone`: replace every other backslash too,
    for exports that lost the letter. `keep`: don't change them."""
    unicode: Literal["NFC", "NFKC", "keep"] = "NFKC"
    """The Unicode normal form. NFKC also unifies the full-width, small and ligature forms of a letter."""
    control: bool = True
    """Whether to remove control characters, zero-width spaces and marks of writing direction."""
    spaces: bool = True
    """Whether to replace each run of white space, also line ends, by one space, and strip both ends."""
    lower: bool = False
    """Whether to convert to lower case."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")
