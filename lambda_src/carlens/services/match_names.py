"""Match written makes and models to entries of a catalog table."""

from __future__ import annotations

from collections.abc import Sequence

from carlens.catalog.matcher import Match, Matcher
from carlens.errors import OutOfTime
from carlens.timing import Deadline


def match_names(
    matcher: Matcher, pairs: Sequence[tuple[str, str]], top_k: int, deadline: Deadline
) -> list[Match]:
    """Match each pair of make and model, in order.

    Raises
    ------
    OutOfTime
        The deadline passed before all pairs were matched.
    """
    # Files repeat rows: a fleet consists of a few hundred models.
    matches: dict[tuple[str, str], Match] = {}
    for pair in dict.fromkeys(pairs):
        if deadline.has_passed():
            raise OutOfTime(
                f"The request ran out of time after {len(matches):,} distinct rows; "
                "split the rows over several requests."
            )
        matches[pair] = matcher.match(*pair, top_k=top_k)
    return [matches[pair] for pair in pairs]
