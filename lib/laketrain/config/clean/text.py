"""Rules that repair text; they reject nothing.

    - text: {columns: [title, body]}
    - trim: {columns: [scanner], lower: true}
"""

from __future__ import annotations

from typing import Literal

from laketrain.config.clean.base import BaseRule, Columns, Types, replaced


class Trim(BaseRule):
    """White space around the text goes, and a run of it within becomes one space. Rejects nothing."""

    rule: Literal["trim"]
    columns: Columns
    """Columns of text."""
    lower: bool = False
    """Whether capitals become small letters."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")


class Text(BaseRule):
    """Text from the web and from exports as it was meant: each repair can be switched off. Rejects nothing.

    In this order: literal escapes, entities and tags, one form of each character, control characters, white space,
    capitals. Null stays null; what is nothing but rubbish becomes an empty text, which `not_null` finds.
    """

    rule: Literal["text"]
    columns: Columns
    """Columns of text."""
    html: bool = True
    """Whether entities become characters (`&amp;`, also ` #39;` that lost its ampersand), and tags go."""
    escapes: Literal["codes", "lone", "keep"] = "codes"
    """`codes`: a backslash with n, r or t written out becomes a space. `lone`: so does every backslash, for exports
    that lost the letter. `keep`: they stay."""
    unicode: Literal["NFC", "NFKC", "keep"] = "NFKC"
    """The normal form: NFKC also makes one letter of its wide, small and ligated forms."""
    control: bool = True
    """Whether control characters, invisible spaces and marks of writing direction go."""
    spaces: bool = True
    """Whether each run of white space, line ends too, becomes one space, and none is left at the ends."""
    lower: bool = False
    """Whether capitals become small letters."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")
