"""What an address asks a page for. What makes no sense is left out, as if it had not been asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from streaming.domain.cells import UFS
from streaming.panel.figures import COLUMNS, GROWTH, PER_PEOPLE, Period

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
LENGTHS = (3, 6, 12, 24)
ON_MAP = (*COLUMNS, PER_PEOPLE, GROWTH)
IN_RANKING = (*COLUMNS, PER_PEOPLE)


@dataclass(frozen=True)
class Asked:
    """
    The choices of a page.

    Attributes:
        por: the feature.
        estado: only this state; None: all.
        states: the states instead of the municipalities.
        period: which months.
        meses: how many months growth is of.
        adjacent: whether growth is against the months just before.
        pagina: which page of a long table, from 1.
    """

    por: str
    estado: str | None
    states: bool
    period: Period
    meses: int
    adjacent: bool
    pagina: int

    @classmethod
    def of(cls, query: QueryParams, features: Sequence[str]) -> "Asked":
        """Return the choices in the query of an address, on a page with these features."""
        estado = query.get("estado", "").upper()
        por = query.get("por", "")
        meses, pagina = _number(query.get("meses")), _number(query.get("pagina"))
        return cls(
            por=por if por in features else features[0],
            estado=estado if estado in UFS else None,
            states=query.get("nivel") == "estados",
            period=Period(_month(query.get("de")), _month(query.get("ate"))),
            meses=meses if meses in LENGTHS else 12,
            adjacent=query.get("base") == "anterior",
            pagina=max(1, pagina),
        )


def _month(text: str | None) -> str | None:
    return text if text and MONTH.fullmatch(text) else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 6 else 0
