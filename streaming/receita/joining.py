"""
Establishments and companies of the same roots, joined: each establishment once, each company once.

The key is the root, a text of 8 characters: letters are as good as digits.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.domain import check_digits
from streaming.receita import cnpjs, companies
from streaming.receita.records import Counts
from streaming.receita.rows import Rows, where
from streaming.receita.texts import Words


@dataclass(frozen=True)
class Joined:
    """
    Establishments that are written, by CNPJ.

    Attributes:
        establishments: rows of `establishments.ROW`.
        cents: the capital of each, in cents; 0 for branches, and where it was not informed.
        not_informed: CNPJs of companies whose capital has the mark.
        counts: of the others by reason, and of what is only noted.
    """

    establishments: Rows
    cents: NDArray[np.int64]
    not_informed: list[str]
    counts: Counts


def join(establishments: Rows, registered: Rows) -> Joined:
    """
    Join rows of `establishments.ROW` with rows of `companies.ROW`, all there are of their roots.

    Of several rows of an establishment the first one in the files counts; of a company the first one
    that is no stub.
    """
    counts: Counts = Counter()
    establishments = _unique_establishments(establishments, counts)
    roots = cnpjs.sortable(establishments["root"])
    registered = _unique_companies(_of(roots, registered), counts)
    known = cnpjs.sortable(registered["root"])
    at = np.searchsorted(known, roots)
    has_company = at < len(known)
    has_company[has_company] = known[at[has_company]] == roots[has_company]
    counts["sem_empresa"] = int(np.count_nonzero(~has_company))
    establishments = where(establishments, has_company)
    cents = np.where(establishments["is_branch"], 0, registered["cents"][at[has_company]])
    is_valid = cents != companies.INVALID
    counts["capital_invalido"] = int(np.count_nonzero(~is_valid))
    establishments, cents = where(establishments, is_valid), cents[is_valid]
    is_marked = cents == companies.NOT_INFORMED
    marked = cnpjs.as_bytes(where(establishments, is_marked))
    counts["capital_nao_informado"] = len(marked)
    counts["digito_errado"] = check_digits.wrong_written(cnpjs.as_bytes(establishments))
    return Joined(
        establishments,
        np.where(is_marked, 0, cents),
        [text.tobytes().decode() for text in marked],
        counts,
    )


def _unique_establishments(rows: Rows, counts: Counts) -> Rows:
    """Return the first row of each establishment, in the order of the CNPJs."""
    roots, branches = cnpjs.sortable(rows["root"]), cnpjs.sortable(rows["branch"])
    order = np.argsort(roots)
    is_repeated = _equal_neighbours(roots[order])
    if is_repeated.any():  # seldom: head offices have roots of their own
        order = np.lexsort((rows["order"], branches, roots))
        is_repeated = _equal_neighbours(roots[order]) & _equal_neighbours(branches[order])
        order = order[~is_repeated]
    counts["estabelecimento_repetido"] = int(np.count_nonzero(is_repeated))
    return np.take(rows, order)


def _of(roots: Words, registered: Rows) -> Rows:
    """Return the companies with one of these roots, which are sorted: often few of many."""
    if not len(roots):
        return registered[:0]
    sought = cnpjs.sortable(registered["root"])
    at = np.minimum(np.searchsorted(roots, sought), len(roots) - 1)
    return where(registered, roots[at] == sought)


def _unique_companies(rows: Rows, counts: Counts) -> Rows:
    """Return one row of each company, in the order of the roots."""
    roots = cnpjs.sortable(rows["root"])
    order = np.argsort(roots)
    is_repeated = _equal_neighbours(roots[order])
    if is_repeated.any():
        order = np.lexsort((rows["order"], rows["is_stub"], roots))
        order = order[~is_repeated]
    counts["empresa_repetida"] = int(np.count_nonzero(is_repeated))
    return np.take(rows, order)


def _equal_neighbours(values: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    """Return which entries are the same as the one before."""
    equal = np.zeros(len(values), bool)
    equal[1:] = values[1:] == values[:-1]
    return equal
