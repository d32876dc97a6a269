-- The rows of one month. `known` has the municipalities, `openings` how many companies each opens. Every value
-- is a function of the seed, the place, the month and a number: so it does not matter which thread comes first.
-- Hashed twice, as what hash() makes of two values differs from row to row as it does for other values.
CREATE MACRO u(row, what) AS (hash(hash(row, what)) + 0.5) / 18446744073709551616.0;
CREATE MACRO normal(row, what) AS sqrt(-2 * ln(u(row, what))) * cos(2 * pi() * u(row, what || ' angle'));
CREATE TABLE openings (place BIGINT, companies BIGINT);

-- How people write a city: how often in a hundred each way, and what it makes of the name.
CREATE TABLE ways AS
    SELECT way, percent, sum(percent) OVER (ORDER BY way) AS until
    FROM (VALUES ('as it is', 48), ('capitals', 20), ('bare capitals', 14), ('no accents', 8), ('small', 4),
                 ('blanks', 3), ('particles', 3)) AS w(way, percent);
CREATE TABLE chances AS
    SELECT chance::UTINYINT AS chance, way FROM range(100) AS r(chance) JOIN ways
    ON chance >= until - percent AND chance < until;
CREATE MACRO spelled(nome, way) AS CASE way
    WHEN 'as it is' THEN nome
    WHEN 'capitals' THEN upper(nome)
    WHEN 'bare capitals' THEN upper(strip_accents(nome))
    WHEN 'no accents' THEN strip_accents(nome)
    WHEN 'small' THEN lower(nome)
    WHEN 'blanks' THEN replace(nome, ' ', '  ') || ' '
    -- Santa Bárbara d'Oeste is also Santa Bárbara do Oeste; Embu-Guaçu is also Embu Guaçu.
    ELSE regexp_replace(regexp_replace(nome, '\bd''', 'do ', 'i'), '-', ' ', 'g') END;
CREATE TABLE spelled_places AS
    SELECT place, uf, way, spelled(nome, way) AS cidade FROM known, ways;

-- Three quarters are MEI, whose capital is small and round; few are large.
CREATE MACRO capital_of(row) AS (CASE
    WHEN u(row, 'kind') < 0.75
    THEN [0, 1, 500, 1000, 1000, 1000, 2000, 3000, 5000, 5000, 10000][1 + floor(u(row, 'capital') * 11)::INT]
    WHEN u(row, 'kind') < 0.985
    THEN 1000 * greatest(1, round(exp(ln(20) + 0.9 * normal(row, 'capital'))))
    ELSE least(exp(ln(250000) + 1.3 * normal(row, 'capital')), 5e8) END)::DECIMAL(14, 2);

-- first: the root of the first CNPJ, which rise with the days. days: how much of the month there is.
CREATE MACRO opened(month, days, first) AS TABLE
    WITH each AS (
        SELECT place, (month || '-01')::DATE AS began,
               hash(place, month, unnest(range(companies)), getvariable('seed')) AS row
        FROM openings),
    dated AS (
        SELECT *, began + to_seconds(floor(u(row, 'day') * days) * 86400 + floor(32400 + 32400 * u(row, 'time')))
                  AS opened,
               floor(100 * u(row, 'way'))::UTINYINT AS chance
        FROM each),
    numbered AS (
        SELECT *, ((first + row_number() OVER (ORDER BY opened, row) - 1) * 1000000 + 100)::UBIGINT AS n
        FROM dated)
    SELECT lpad((n + numeric_check_digits(n))::VARCHAR, 14, '0') AS cnpj,
           strftime(opened, '%Y-%m-%dT%H:%M:%SZ') AS data_abertura,
           cidade, uf AS estado, capital_of(row) AS capital_social
    FROM numbered JOIN chances USING (chance) JOIN spelled_places USING (place, way);
