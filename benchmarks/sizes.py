"""How much of everything: what is measured, and the little that shows that measuring works."""

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """Rows, files and companies of the workloads; the defaults are what the targets are about."""

    one_file: int = 15_000
    bulk_files: int = 10
    bulk_rows: int = MILLION
    """In each file, here as in what grows."""
    small_files: int = 2_000
    small_rows: int = 500
    """In each file, here as in what is followed."""
    followed: int = 200
    everywhere: int = 100_000
    """Rows over all municipalities."""
    commits: int = 20
    """While features are read."""
    batches: tuple[tuple[int, int], ...] = ((1, 15_000), (10, MILLION), (2_000, 500))
    """Files and rows of batches of random companies."""
    seconds: float = 20
    """Of reading while nothing else runs."""
    rows: tuple[int, ...] = (100_000, MILLION, 10 * MILLION, 50 * MILLION)
    files: tuple[int, ...] = (1, 100, 2_000, 20_000)
    companies: tuple[int, ...] = (0, 10 * MILLION, 60 * MILLION)


FULL = Sizes()
SMOKE = Sizes(
    one_file=300,
    bulk_files=2,
    bulk_rows=1_000,
    small_files=5,
    small_rows=100,
    followed=5,
    everywhere=6_000,
    commits=3,
    batches=((2, 500),),
    seconds=0.5,
    rows=(500, 2_000),
    files=(4,),
    companies=(2_000,),
)
