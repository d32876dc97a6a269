"""Why the rows of files do not fit, and which capitals the others have: more than ingestion asks."""

from decimal import Decimal
from typing import NamedTuple

from streaming.domain.capitals import HUGE, LISTED, NOT_INFORMED, Capital
from streaming.reading import unreadable
from streaming.reading.companies import Reading, rejecting

MOST = 999_999
"""How many of the largest values DuckDB can keep."""


class Judged(NamedTuple):
    """
    The rows of a file that do not fit, by reason, and the capitals of those that fit.

    Attributes:
        reasons: the numbers of rows that do not fit.
        not_informed: rows with the mark NOT_INFORMED.
        huge: other rows with HUGE or more.
        marked: rows with the mark, LISTED at most.
        largest: the other rows with the largest capitals.
    """

    reasons: dict[str, int]
    not_informed: int
    huge: int
    marked: list[Capital]
    largest: list[Capital]


class Judging(Reading):
    """Files in one dialect, open to be judged."""

    def judged(self, most: int, above: Decimal) -> list[Judged]:
        """
        Return what the rows of each file are.

        Args:
            most: how many of the largest capitals are returned of each file.
            above: only larger ones, in reais.
        """
        unreadable.forget(self._connection)
        mark = f"reason IS NULL AND capital = {NOT_INFORMED}"
        other = f"reason IS NULL AND capital <> {NOT_INFORMED}"
        with rejecting():
            rows = self._connection.execute(
                f"""
                SELECT file, reason, count(*),
                       count(*) FILTER ({mark}), count(*) FILTER ({other} AND capital >= {HUGE}),
                       arg_min(item, cnpj, {LISTED}) FILTER ({mark}),
                       arg_max(item, capital, {min(most, MOST)}) FILTER ({other} AND capital > {above})
                FROM (SELECT file, reason, cnpj, capital,
                             {{'reais': capital, 'cnpj': blank(cnpj),
                               'lugar': nome || '/' || blank(estado)}} AS item
                      FROM rows_judged(?, ?, ?, ?))
                GROUP BY file, reason""",
                self._parameters,
            ).fetchall()
        judged = [Judged({}, 0, 0, [], []) for _ in self._paths]
        for file, reason, count, not_informed, huge, marked, largest in rows:
            if reason is None:
                judged[file] = Judged(
                    judged[file].reasons, not_informed, huge, _capitals(marked), _capitals(largest)
                )
            else:
                judged[file].reasons[reason] = count
        for file, reason, _ in unreadable.rows(self._connection, self._paths):
            reasons = judged[file].reasons
            reasons[reason] = reasons.get(reason, 0) + 1
        return judged


def _capitals(items: list[dict[str, object]] | None) -> list[Capital]:
    return [Capital(**item) for item in items or ()]  # type: ignore[arg-type]  # as the query names them
