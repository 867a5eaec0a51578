"""A regular expression that is compiled when the first text meets it.

The words of the pack qa-forum are 255 expressions. To compile them all is 0.19 of the 0.27 CPU seconds that the rules take to
import, before a run's first step and in each further process that cleans or writes a report. Without that pack rows meet none
of them; the 518 rows of the quickstart meet 85.
"""

from __future__ import annotations

import re
from typing import Any, cast


def pattern(text: str) -> re.Pattern[str]:
    return cast("re.Pattern[str]", _Late(text))


class _Late:
    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Any:
        """Of what is not there yet: from the first question on it has the compiled expression's own methods."""
        if name.startswith("_"):  # of protocols: who copies or pickles it asks for them before it has a text
            raise AttributeError(name)
        compiled = re.compile(self._text, re.IGNORECASE)
        vars(self).update({own: getattr(compiled, own) for own in dir(compiled) if not own.startswith("_")})
        return getattr(compiled, name)
