"""Cities, files and rejected rows with names that are made to do harm."""

from decimal import Decimal

from streaming.domain.cells import Cell, Sums
from streaming.domain.records import Commit, Record
from streaming.landing import quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.settings import Settings
from streaming.store.store import Store

AT = "2026-02-01T12:00:00.000001+00:00"
SCRIPT = "<script>alert(document.domain)</script>"
LONG = "Ó" * 300

CITIES = (
    # No key of Redis has / : { or } in a name, so this is what a script tag can be.
    "<script>alert(1)<script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg onload=alert(1)>",
    "javascript&#58;alert(1)",
    "Nova \u202eoluaP oãS\u202c",
    "Zero\u200bWidth\u2028Line",
    "Bell\x07Escape\x1b[31m",
    "%2e%2e%2fadmin?q=1#top",
    LONG,
    *(f"{sign}cmd|' C'!A0" for sign in "=+-@\t\r"),
)
RAW = (
    SCRIPT,
    "{{ 7 * 7 }}{% raw %}",
    "<img src=//evil.example/x.png onerror=alert(1)>;RJ;10",
    '=HYPERLINK("http://evil.example";"x")',
    "\u202e\u2066\x00\x1b[2J\ufeff",
    "\udcff\udc80 broken bytes",
    "x" * 5000,
)
FILES = (f"{SCRIPT.replace('/', '')}.csv", f"{'muito-' * 50}longo.csv", "=1+1.csv", "\u202evsc.x.csv")
MONTHS = [f"2025-{month:02d}" for month in range(1, 13)] + ["2026-01"]


def fill(store: Store, settings: Settings) -> None:
    """Commit companies of these cities in SP, with these files, and quarantine these rows."""
    sums = {
        Cell(cidade, "SP", month, "capital_ate_1000"): Sums(Decimal("100.10"), 10 + number)
        for number, cidade in enumerate(CITIES)
        for month in MONTHS
    }
    records = {
        path: Record(10, 20, 3, 0, 0, 3, "rejected", 1, AT, f"header {SCRIPT} is not ours")
        for path in FILES
    }
    store.merge(Commit(0, AT, sums, {}, records))
    for path in FILES:
        quarantine.write(
            LocalFolder(settings.quarantine_dir), path, [(f"reason {SCRIPT}", raw) for raw in RAW]
        )
