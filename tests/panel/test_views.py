"""Every figure of every view, compared with what was committed, added up in plain Python."""

from decimal import Decimal

from streaming.domain import municipalities
from streaming.domain.growth import FLOOR
from streaming.domain.records import Record
from tests.panel.browsing import Window, facts, section, table
from tests.panel.openings import (
    MONTHS,
    Openings,
    Place,
    decimal,
    mean,
    number,
    per_people,
    percent,
    reais,
    rounded,
    wilson,
)

SAO_PAULO = ("São Paulo", "SP")
BANDS = {
    "capital_0": "sem capital (R$ 0)",
    "capital_ate_1000": "até R$ 1.000",
    "capital_ate_50000": "até R$ 50.000",
    "capital_acima_de_10000000": "acima de R$ 10.000.000",
}


def key(place: Place) -> str:
    return "/".join(place)


def ordered(opened: Openings) -> list[Place]:
    """The municipalities by companies, equal ones by name."""
    return sorted(opened.companies, key=lambda place: (-opened.companies[place], key(place)))


def figures(opened: Openings, place: Place) -> list[str]:
    """Companies, total, mean and companies per 10,000 inhabitants, as pages write them."""
    companies, cents = opened.companies[place], opened.cents[place]
    return [
        number(companies),
        reais(cents),
        reais(mean(cents, companies)),
        decimal(per_people(companies, place)),
    ]


def bubble(opened: Openings, place: Place) -> str:
    companies, capital, average, people = figures(opened, place)
    text = f"{companies} empresas · capital {capital} · média {average}"
    return text if people == "–" else f"{text} · {people} por 10 mil hab."


def test_the_map_has_the_figures_of_every_municipality(window: Window, everywhere: Openings) -> None:
    page = window.open("/")
    bubbles = page.locator("#mapa circle").evaluate_all(
        "all => all.map(c => [c.dataset.p, c.dataset.t.replaceAll('\\u00a0', ' ')])"
    )
    assert len(bubbles) == len(municipalities.every()) == 5571
    assert dict(bubbles) == {key(p): bubble(everywhere, p) for p in everywhere.companies}
    companies, cents = sum(everywhere.companies.values()), sum(everywhere.cents.values())
    shown = facts(page)
    assert shown["Empresas no Brasil"] == number(companies)
    assert shown["Capital social"].endswith(reais(cents))
    assert shown["Capital médio"] == reais(mean(cents, companies))


def test_the_map_shows_a_state_in_a_period(window: Window, everywhere: Openings) -> None:
    page = window.open("/?estado=AC&de=2025-03&ate=2025-04")
    period = everywhere.within("2025-03", "2025-04")
    bubbles = page.locator("#mapa circle").evaluate_all(
        "all => all.map(c => [c.dataset.p, c.dataset.t.replaceAll('\\u00a0', ' ')])"
    )
    assert dict(bubbles) == {key(p): bubble(period, p) for p in period.companies if p[1] == "AC"}


def test_the_ranking_has_figures_shares_and_positions(window: Window, everywhere: Openings) -> None:
    page = window.open("/ranking")
    of_state = {
        uf: [p for p in ordered(everywhere) if p[1] == uf] for uf in {p[1] for p in everywhere.companies}
    }
    expected = []
    for position, place in enumerate(ordered(everywhere)[:100], 1):
        companies, *others = figures(everywhere, place)
        whole = sum(everywhere.companies[p] for p in of_state[place[1]])
        share = percent(Decimal(everywhere.companies[place]) / whole, 2)
        in_state = of_state[place[1]].index(place) + 1
        expected.append([number(position), key(place), companies, "", *others, share, number(in_state)])
    assert table(page) == expected


def test_the_ranking_of_states_adds_up_to_the_country(window: Window, everywhere: Openings) -> None:
    rows = table(window.open("/ranking?nivel=estados"))
    expected: dict[str, int] = {}
    for (_, uf), companies in everywhere.companies.items():
        expected[uf] = expected.get(uf, 0) + companies
    states = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    assert [row[1:3] for row in rows] == [[uf, number(companies)] for uf, companies in states]


def test_a_municipality_has_its_figures_months_and_bands(window: Window, everywhere: Openings) -> None:
    page = window.open("/municipio/São Paulo/SP")
    companies, total, average, people = figures(everywhere, SAO_PAULO)
    shown = facts(page)
    assert shown["Empresas abertas"] == companies
    assert shown["Capital social total"].endswith(total)
    assert (shown["Capital social médio"], shown["Por 10 mil habitantes"]) == (average, people)
    position = ordered(everywhere).index(SAO_PAULO) + 1
    assert shown["Posição no Brasil"] == f"{number(position)}ºde {number(len(everywhere.companies))}"
    months = everywhere.by_month[SAO_PAULO]
    assert table(page, "details table") == [
        [_month(month), number(months[month][0]), _mean_of_three(months, month), reais(months[month][1])]
        for month in reversed(MONTHS)
    ]
    bands = everywhere.by_band[SAO_PAULO]
    rows = {
        row[0].removesuffix(" mediana"): row[1]
        for row in table(page, section(page, "Faixas de capital"))
    }
    assert rows.keys() >= set(BANDS.values())
    assert {name: n for name, n in rows.items() if n != "0"} == {
        BANDS[band]: number(companies) for band, companies in bands.items()
    }


def test_a_municipality_has_its_neighbours_in_the_ranking(window: Window, everywhere: Openings) -> None:
    order = ordered(everywhere)
    middle = order[2000]
    page = window.open(f"/municipio/{key(middle)}")
    assert table(page, section(page, "Vizinhos no ranking")) == [
        [number(n), key(order[n - 1]), number(everywhere.companies[order[n - 1]])]
        for n in range(1998, 2005)
    ]


def test_growth_has_openings_and_bounds(window: Window, everywhere: Openings) -> None:
    page = window.open("/crescimento")
    now = everywhere.within("2025-01", "2025-12").companies
    before = everywhere.within("2024-01", "2024-12").companies
    pairs = {place: (now.get(place, 0), before.get(place, 0)) for place in everywhere.companies}
    enough = {place: pair for place, pair in pairs.items() if sum(pair) >= FLOOR}
    order = sorted(
        ((wilson(a, b), a, b, place) for place, (a, b) in enough.items() if b),
        key=lambda row: (-row[0][0], -row[1], key(row[3])),
    )
    assert table(page) == [
        [key(place), number(a), number(b), percent(a / b - 1), percent(low), "", percent(high)]
        for (low, high), a, b, place in order[:100]
    ]
    few = number(len(pairs) - len(enough))
    assert f"Ficam de fora {few} lugares com menos de 30 aberturas" in page.locator("main").inner_text()


def test_ingestion_has_the_accounting_of_files(window: Window, records: dict[str, Record]) -> None:
    page = window.open("/ingestao")
    assert table(page, section(page, "Arquivos")) == [
        [
            path,
            "contado",
            number(r.read),
            number(r.new),
            number(r.duplicates),
            number(r.rejected),
            number(r.version),
            f"01/02/2026 09:00:{r.version - 1:02d}",
        ]
        for path, r in sorted(records.items(), reverse=True)
    ]
    shown = facts(page)
    assert shown["Empresas novas"] == number(sum(r.new for r in records.values()))
    assert shown["Arquivos contados"] == number(len(records))


def test_every_view_says_which_version_it_shows(window: Window) -> None:
    for path in ("/", "/ranking", "/municipio/São Paulo/SP", "/crescimento", "/ingestao"):
        assert window.open(path).locator("#versao").inner_text() == "5", path


def _month(month: str) -> str:
    names = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")
    return f"{names[int(month[5:]) - 1]}/{month[:4]}"


def _mean_of_three(months: dict[str, list[int]], month: str) -> str:
    """The mean of a month and the two before it; none for the first two."""
    at = MONTHS.index(month)
    if at < 2:
        return "–"
    three = sum(months[m][0] for m in MONTHS[at - 2 : at + 1])
    return decimal(rounded(Decimal(three) / 3, "0.01"))
