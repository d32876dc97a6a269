"""Files for a cluster: 100,000 rows in two files, some of them in both."""

from tests import oracle
from tests.harness import row

ROWS = 50_000  # of each of two files
REPEATED = 1_000  # of them in both files
FIRSTS = (20_000_000, 20_000_000 + ROWS - REPEATED)
PLACES = [("São Paulo", "SP"), ("Natal", "RN"), ("Bom Jesus", "PI"), ("Bom Jesus", "RS")]


def companies(first: int) -> list[oracle.Row]:
    """Return a file's rows: companies from this number on, all over the places."""
    numbers = range(first, first + ROWS)
    return [row(n, f"{n * 7919 % 10**9 / 100:.2f}", *PLACES[n % len(PLACES)]) for n in numbers]
