"""The commands that read the features: `show`, `ranking` and `crescimento`."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from streaming.app import completion, tables
from streaming.app.common import Csv, Json, configured, emit, emit_csv, examples
from streaming.domain.cells import UFS
from streaming.domain.features import Features
from streaming.domain.growth import FLOOR, Growth
from streaming.errors import CityFeaturesError
from streaming.jobs import bands, monthly
from streaming.jobs import crescimento as growth_job
from streaming.jobs import places as places_job
from streaming.jobs import ranking as ranking_job
from streaming.jobs.bands import Band
from streaming.jobs.monthly import Month
from streaming.jobs.ranking import By, Ranked
from streaming.store.store import Store, connect

app = typer.Typer()

MONTH = r"\d{4}-(0[1-9]|1[0-2])"


def uf(text: str) -> str:
    """Return a state as typed, in capitals."""
    if text.upper() not in UFS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(UFS)}")
    return text.upper()


Estado = Annotated[str | None, typer.Option(metavar="UF", parser=uf, help="Of one state.")]


def connected() -> Store:
    """Return the store of the settings; a reader does not wait long for it."""
    return connect(configured(), retries=1)


@app.command(
    epilog=examples(
        'city-features show "São Paulo"',
        "city-features show --top 10",
        "city-features show --estado SP",
        'city-features show --mensal "São Paulo/SP" --csv',
    )
)
def show(
    cidade: Annotated[
        str | None,
        typer.Argument(help="One city, and it in each state.", autocompletion=completion.cities),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the largest by capital.")] = None,
    estado: Estado = None,
    mensal: Annotated[
        str | None,
        typer.Option(metavar="LUGAR", help='Month by month: "São Paulo/SP", a state (SP), or BR.'),
    ] = None,
    faixas: Annotated[
        str | None, typer.Option(metavar="LUGAR", help="By capital band, and where the median is.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the features in Redis. Many of them at a terminal go through $PAGER, or less."""
    store = connected()
    if mensal is not None:
        place = places_job.place(store, mensal)
        _show_rows(place, "meses", Month, monthly.of(store, place), as_json=as_json, as_csv=as_csv)
        return
    if faixas is not None:
        place = places_job.place(store, faixas)
        _show_rows(place, "faixas", Band, bands.of(store, place), as_json=as_json, as_csv=as_csv)
        return
    features = _features(store, cidade, estado)
    if top is not None:
        places = [f for f in features if f.cidade is not None and (f.estado is not None or cidade)]
        features = sorted(places, key=lambda f: (-f.capital_social_total, f.key))[:top]
    if as_json:
        emit({"features": [asdict(f) for f in features]})
    elif as_csv:
        emit_csv(Features, features)
    else:
        tables.features(features)


def _features(store: Store, cidade: str | None, estado: str | None) -> list[Features]:
    features = store.features() if cidade is None else places_job.features(store, cidade)
    if estado is None:
        return features
    of_state = [f for f in features if f.estado == estado]
    if not of_state:
        raise CityFeaturesError(f"no features of {cidade or 'anything'} in {estado}")
    return of_state


def _show_rows(
    place: str, what: str, kind: type, rows: Sequence[Any], *, as_json: bool, as_csv: bool
) -> None:
    if as_json:
        emit({"lugar": place, what: [asdict(row) for row in rows]})
    elif as_csv:
        emit_csv(kind, rows)
    else:
        tables.rows(rows, percent=("participacao",))


@app.command(
    epilog=examples(
        "city-features ranking",
        "city-features ranking --por capital_social_total --estado SP --top 20",
        "city-features ranking --por-habitante --csv",
    )
)
def ranking(
    por: Annotated[By, typer.Option(help="By which feature.")] = "quantidade_empresas",
    estado: Estado = None,
    top: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    per_people: Annotated[
        bool, typer.Option("--por-habitante", help="By companies per 10,000 inhabitants.")
    ] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """
    Rank the municipalities by openings, capital, or openings per inhabitant.

    Inhabitants are those of IBGE's estimate of 2024, or of the census of 2022 where there is none.
    """
    ranked = ranking_job.ranking(connected(), by=por, estado=estado, per_people=per_people)[:top]
    if as_json:
        emit(
            {
                "por": "aberturas_por_10mil_hab" if per_people else por,
                "ranking": [asdict(r) for r in ranked],
            }
        )
    elif as_csv:
        emit_csv(Ranked, ranked)
    elif ranked:
        tables.rows(ranked, percent=("participacao_uf",))
    else:
        tables.rows([], "nothing counted yet: run city-features run first")


@app.command(
    epilog=examples(
        "city-features crescimento",
        "city-features crescimento --meses 6 --estado SP",
        "city-features crescimento --por-estado",
        "city-features crescimento --base anterior --csv",
    )
)
def crescimento(
    meses: Annotated[int, typer.Option(min=1, max=120, help="How many months.")] = 12,
    estado: Estado = None,
    base: Annotated[
        Literal["ano", "anterior"],
        typer.Option(help="Compare with the same months a year before, or with the months just before."),
    ] = "ano",
    ate: Annotated[
        str | None,
        typer.Option(metavar="AAAA-MM", help="The last month; else the last complete one of the data."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="How many; else all.")] = None,
    states: Annotated[
        bool, typer.Option("--por-estado", help="The states instead of the municipalities.")
    ] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """
    Show which municipalities, or states, grow, by the growth that is certain at 95 %.

    The openings of the last complete months (a) against those before (b). Of the last month in the
    data nobody knows whether it is complete, so it is left out.
    """
    result = growth_job.crescimento(
        connected(),
        months=meses,
        estado=estado,
        adjacent=base == "anterior",
        last=_month(ate),
        states=states,
    )
    places = result.lugares[:top]
    if as_json:
        emit({**asdict(result), "lugares": [asdict(g) for g in places]})
    elif as_csv:
        emit_csv(Growth, places)
    else:
        notes = [
            f"a: {result.de} to {result.ate}, b: {result.base_de} to {result.base_ate}; "
            f"{result.poucas:,} places with fewer than {FLOOR} openings in both are left out"
        ]
        if result.faltam:
            notes.append(f"sem base: the data has no openings in {', '.join(result.faltam)}")
        tables.rows(places, *notes, percent=("crescimento", "crescimento_minimo"))


def _month(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(MONTH, text):
        raise typer.BadParameter(f"{text!r} is no month; write it as 2026-10", param_hint="--ate")
    return text
