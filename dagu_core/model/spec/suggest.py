"""Did you mean ...?"""

from __future__ import annotations

from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` for the known word nearest to `word`, or "" when none is near."""
    from difflib import get_close_matches

    by_folded = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(word.lower()[:80], by_folded, n=1, cutoff=0.6)
    return f"did you mean `{by_folded[near[0]]}`?" if near else ""
