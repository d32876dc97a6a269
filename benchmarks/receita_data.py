"""
Files as Receita Federal publishes them, by the million and the same for the same seed.

`python -m benchmarks.receita_data DIRECTORY [MILLIONS]` writes one EMPRECSV and one ESTABELE, plain in
`plain/` and zipped in `zip/`. All names are invented. One establishment in a hundred is a branch, one in
a thousand has no company; a few lines have doubled quotes, semicolons, breaks or a column too few.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.data import MUNICIPALITIES

SEED = 20261126
NAME = "K3241.K03200Y0.D60808"
MILLION = 1_000_000
CHUNK = 64 * 1024 * 1024

# Everything is a function of a row's number and the seed alone.
SQL = """
CREATE OR REPLACE MACRO u(i, what) AS hash(i, what, getvariable('seed')) / 18446744073709551616.0;
CREATE OR REPLACE MACRO pick(i, what, list) AS list[1 + floor(u(i, what) * len(list))::INT];
CREATE OR REPLACE MACRO digits(i, what, n) AS
    lpad((floor(u(i, what) * pow(10, n))::BIGINT)::VARCHAR, n, '0');
CREATE OR REPLACE MACRO root(i) AS lpad(((i * 61803399 + 27182818) % 100000000)::VARCHAR, 8, '0');
CREATE OR REPLACE TABLE places AS
    SELECT row_number() OVER (ORDER BY hash(codigo_ibge, getvariable('seed'))) - 1 AS rank,
           codigo_siafi, uf
    FROM read_csv(getvariable('municipalities'), all_varchar = true);

CREATE OR REPLACE MACRO companies(many) AS TABLE
    SELECT root(i) AS raiz,
           CASE WHEN u(i, 'odd') < 0.001 THEN 'OFICINA "DO ZE" LTDA'
                ELSE pick(i, 'name', ['PADARIA', 'OFICINA', 'MERCEARIA', 'LOJA DE CALÇADOS', 'ESCOLA'])
                     || ' FICTICIA ' || i || pick(i, 'kind', [' LTDA', ' ME', ' S A'])
           END AS razao_social,
           pick(i, 'nature', ['2135', '2062', '2305']) AS natureza, '49' AS qualificacao,
           CASE WHEN u(i, 'capital') < 0.0001 THEN '999999999999,00'
                WHEN u(i, 'capital') < 0.3 THEN '0,00'
                ELSE replace(exp(6 + 8 * u(i, 'capital'))::DECIMAL(14, 2)::VARCHAR, '.', ',')
           END AS capital,
           pick(i, 'size', ['01', '03', '05']) AS porte, '' AS ente
    FROM range(many) AS rows(i) WHERE u(i, 'orphan') >= 0.001;

CREATE OR REPLACE MACRO establishments(many) AS TABLE
    SELECT root(i) AS raiz, CASE WHEN branch THEN '0002' ELSE '0001' END AS ordem,
           digits(i, 'dv', 2) AS dv,
           CASE WHEN branch THEN '2' ELSE '1' END AS flag,
           CASE WHEN u(i, 'named') < 0.5 THEN '' WHEN u(i, 'odd') < 0.001 THEN 'BAR "DO ZE"; E CIA'
                ELSE 'FANTASIA NÚMERO ' || i END AS fantasia,
           pick(i, 'state', ['02', '02', '02', '08', '08', '04', '03']) AS situacao,
           opened AS data_situacao, '00' AS motivo, '' AS exterior, '' AS pais, opened AS inicio,
           digits(i, 'cnae', 7) AS cnae,
           CASE WHEN u(i, 'more') < 0.5 THEN '' ELSE digits(i, 'a', 7) || ',' || digits(i, 'b', 7)
           END AS cnaes,
           'RUA' AS tipo, 'DAS FLORES FICTICIAS' AS logradouro, (i % 5000)::VARCHAR AS numero,
           CASE WHEN u(i, 'break') < 0.0001 THEN E'FUNDOS\\nCASA 2'
                WHEN u(i, 'extra') < 0.5 THEN '' ELSE 'SALA ' || i % 100 END AS complemento,
           'JARDIM IMAGINARIO' AS bairro, digits(i, 'cep', 8) AS cep, uf, codigo_siafi,
           '11' AS ddd1, digits(i, 'phone', 8) AS fone1, '' AS ddd2, '' AS fone2, '' AS ddd3, '' AS fax,
           CASE WHEN u(i, 'mail') < 0.3 THEN '' ELSE 'contato' || i || '@exemplo.invalid' END AS correio,
           '' AS especial, '' AS data_especial
    FROM (SELECT i, u(i, 'branch') < 0.01 AS branch,
                 strftime(DATE '2026-08-08' - floor(20000 * pow(u(i, 'opened'), 2))::INT, '%Y%m%d')
                     AS opened,
                 floor(pow(5571, u(i, 'place')))::BIGINT - 1 AS rank
          FROM range(many) AS rows(i)) JOIN places USING (rank);
"""


def write(directory: Path, many: int) -> None:
    """Write both files, plain and zipped, with this many establishments; do nothing if they exist."""
    plain, zipped = directory / "plain", directory / "zip"
    if zipped.is_dir():
        return
    for place in (plain, zipped):
        place.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"SET VARIABLE seed = {SEED}")
        connection.execute(f"SET VARIABLE municipalities = '{MUNICIPALITIES}'")
        connection.execute(SQL)
        for kind, table in (("EMPRECSV", "companies"), ("ESTABELE", "establishments")):
            written = directory / f"{kind}.utf-8"
            connection.execute(
                f"COPY (FROM {table}({many})) TO '{written}' "
                "(FORMAT csv, HEADER false, DELIMITER ';', FORCE_QUOTE *)"
            )
            _recode(written, plain / f"{NAME}.{kind}")
            written.unlink()
            _zip(plain / f"{NAME}.{kind}", zipped / f"{NAME}.{kind}.zip")


def _recode(source: Path, target: Path) -> None:
    """Write a file of UTF-8 as Latin-1, with a column too few in one line of 10,000."""
    with target.open("wb") as writer:
        for chunk in _lines(source):
            lines = chunk.decode("utf-8").encode("latin-1").split(b"\n")
            for index in range(5_000, len(lines), 10_000):
                lines[index] = lines[index].replace(b'"";', b"", 1)
            writer.write(b"\n".join(lines))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the content of a file in pieces that end at line ends."""
    with path.open("rb") as reader:
        while chunk := reader.read(CHUNK):
            yield chunk + reader.readline()


def _zip(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(source, source.name)


if __name__ == "__main__":
    millions = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    write(Path(sys.argv[1]), int(millions * MILLION))
