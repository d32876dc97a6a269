-- The rules: when a row counts. Each column has a macro *_reason that returns why a value does not fit, or
-- NULL. The reader defines the view raw(cnpj, data_abertura, cidade, estado, capital_social), all text; the
-- tests call the same macros over a plain table. `file` is the number of the row's file, `text` is the row
-- as text, for the quarantine.
CREATE OR REPLACE TEMP VIEW raw AS
    SELECT 0 AS file, '' AS cnpj, '' AS data_abertura, '' AS cidade, '' AS estado, '' AS capital_social, '' AS text
    LIMIT 0;
-- Companies of which not every row counts: no row if the company was `counted` before, else the first one.
CREATE OR REPLACE TEMP TABLE watched (file BIGINT, company UBIGINT, counted BOOLEAN);

CREATE OR REPLACE MACRO blank(v) AS trim(v, e' \t');

-- cnpj: punctuated or bare, 12 characters of root and branch and 2 check digits.
-- Numeric form: Instrução Normativa RFB 2.119/2022. Alphanumeric form: Instrução Normativa RFB 2.229/2024.
CREATE OR REPLACE MACRO numeric_cnpj(c) AS
    regexp_full_match(c, '[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}|[0-9]{14}');
CREATE OR REPLACE MACRO alphanumeric_cnpj(c) AS
    regexp_full_match(c, '[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}|[0-9A-Z]{12}[0-9]{2}');
CREATE OR REPLACE MACRO bare(c) AS replace(replace(replace(c, '.', ''), '/', ''), '-', '');
CREATE OR REPLACE MACRO cnpj_number(c) AS CASE WHEN numeric_cnpj(c) THEN bare(c)::UBIGINT END;
CREATE OR REPLACE MACRO cnpj_reason(c) AS CASE
    WHEN c = '' THEN 'cnpj: missing'
    WHEN NOT alphanumeric_cnpj(c) THEN 'cnpj: malformed'
END;

-- company: the id of ledger.py, from the first 12 characters.
CREATE OR REPLACE MACRO company_id(root, branch) AS
    ((root >> 16) << 37) | (branch << 16) | (root & 65535);
CREATE OR REPLACE MACRO base36(s) AS list_reduce(
    [(CASE WHEN c <= '9' THEN ascii(c) - 48 ELSE ascii(c) - 55 END)::UBIGINT FOR c IN string_split(s, '')],
    lambda high, low: high * 36 + low);
CREATE OR REPLACE MACRO alphanumeric_company(c) AS CASE
    WHEN alphanumeric_cnpj(c)
    THEN 9223372036854775808::UBIGINT | company_id(base36(bare(c)[1:8]), base36(bare(c)[9:12]))
END;
CREATE OR REPLACE MACRO numbered_company(n) AS company_id(n // 1000000, n // 100 % 10000);
CREATE OR REPLACE MACRO usual_number(c) AS CASE WHEN regexp_full_match(c, '[0-9]{14}') THEN c::UBIGINT END;
CREATE OR REPLACE MACRO company_of(c, usual) AS
    CASE WHEN usual IS NOT NULL THEN numbered_company(usual)
         WHEN numeric_cnpj(blank(c)) THEN numbered_company(cnpj_number(blank(c)))
         ELSE alphanumeric_company(blank(c)) END;

-- Check digits, modulo 11 over weights 2 to 9 from the right; a character's value is its ASCII code
-- less 48 (Receita Federal, "Cálculo do dígito verificador do CNPJ alfanumérico").
CREATE OR REPLACE MACRO check_digit(weighted) AS (11 - weighted % 11) % 11 % 10;
CREATE OR REPLACE MACRO check_digits(w1, w2) AS
    check_digit(w1) * 10 + check_digit(w2 + 2 * check_digit(w1));
-- The digit at 10^k is n // 10^k - 10 * (n // 10^(k+1)), and -10 is 1 modulo 11. So each n // 10^k gets the
-- weight of its last digit plus that of the next digit to the right. It is left out where that sum is 11.
CREATE OR REPLACE MACRO numeric_check_digits(n) AS check_digits(
      n // 10000000000000 * 9 + n // 1000000000000 * 7 + n // 100000000000 * 5
    + n // 1000000000 * 6 + n // 100000000 * 4 + n // 10000000 * 2
    + n // 100000 * 9 + n // 10000 * 7 + n // 1000 * 5 + n // 100 * 2,
      n // 1000000000000 * 9 + n // 100000000000 * 7 + n // 10000000000 * 5
    + n // 100000000 * 6 + n // 10000000 * 4 + n // 1000000 * 2
    + n // 10000 * 9 + n // 1000 * 7 + n // 100 * 3);
CREATE OR REPLACE MACRO weighted(s, weights) AS
    list_sum([(ascii(s[i]) - 48) * weights[i] FOR i IN range(1, 13)]);
CREATE OR REPLACE MACRO alphanumeric_check_digits(s) AS check_digits(
    weighted(s, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]),
    weighted(s, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3]));
CREATE OR REPLACE MACRO wrong_alphanumeric_digits(c) AS
    CASE WHEN alphanumeric_cnpj(c)
         THEN bare(c)[13:14]::UBIGINT <> alphanumeric_check_digits(bare(c)) ELSE false END;

-- data_abertura: an ISO 8601 date or instant, extended form; without a zone it is UTC.
CREATE OR REPLACE MACRO instant(d) AS CASE
    WHEN regexp_full_match(d, '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?')
    THEN try_cast(d AS TIMESTAMPTZ)
END;
CREATE OR REPLACE MACRO data_abertura_reason(d, now) AS CASE
    WHEN d = '' THEN 'data_abertura: missing'
    WHEN instant(d) IS NULL THEN 'data_abertura: not an ISO 8601 date or instant'
    WHEN instant(d) < TIMESTAMPTZ '1800-01-01 00:00:00Z' THEN 'data_abertura: before 1800'
    WHEN instant(d) > now + INTERVAL 1 DAY THEN 'data_abertura: more than a day in the future'
END;

-- A byte that is not UTF-8 arrives as a character of escapes.py.
CREATE OR REPLACE MACRO utf8_reason(v) AS
    CASE WHEN regexp_matches(v, '[\x{10FE80}-\x{10FEFF}]') THEN 'row: invalid UTF-8' END;

-- cidade: becomes part of a Redis key, so no character may change which key that is.
CREATE OR REPLACE MACRO city(c) AS nfc_normalize(trim(regexp_replace(c, '[ \pZ]+', ' ', 'g')));
-- Most cities are words of Latin letters: one expression accepts them.
CREATE OR REPLACE MACRO cidade_reason(c) AS CASE
    WHEN regexp_full_match(c, '([A-Za-zÀ-ÖØ-öø-ÿ]+[ ''-]){0,9}[A-Za-zÀ-ÖØ-öø-ÿ]+') AND length(c) <= 120 THEN NULL
    WHEN regexp_matches(c, '[\p{Cc}\p{Cf}]') THEN 'cidade: control character'
    WHEN utf8_reason(c) IS NOT NULL THEN utf8_reason(c)
    WHEN city(c) = '' THEN 'cidade: missing'
    WHEN length(city(c)) > 120 THEN 'cidade: longer than 120 characters'
    WHEN regexp_matches(c, '[:/{}]') THEN 'cidade: one of : / { }'
END;

-- estado: the 26 states and the Federal District (IBGE).
CREATE OR REPLACE MACRO estado_reason(e) AS CASE
    WHEN e = '' THEN 'estado: missing'
    WHEN e NOT IN ('AC', 'AL', 'AM', 'AP', 'BA', 'CE', 'DF', 'ES', 'GO', 'MA', 'MG', 'MS', 'MT', 'PA',
                   'PB', 'PE', 'PI', 'PR', 'RJ', 'RN', 'RO', 'RR', 'RS', 'SC', 'SE', 'SP', 'TO')
    THEN 'estado: not one of the 27'
END;

-- municipalities: how each may be written in its state, in letters (domain/municipalities.py fills it).
CREATE OR REPLACE TEMP TABLE spellings (uf VARCHAR, letters VARCHAR, nome VARCHAR);
CREATE OR REPLACE MACRO letters(c) AS regexp_replace(upper(strip_accents(c)), '[^A-Z0-9]', '', 'g');
CREATE OR REPLACE MACRO bare_letters(c) AS
    letters(regexp_replace(upper(strip_accents(c)), '\b(D[AO]S?|DE|D)\b', '', 'g'));
-- The official name of the municipality that a spelling means, or NULL. DuckDB looks up each pair of city and
-- state once, however many rows have it.
CREATE OR REPLACE MACRO municipality(c, e) AS coalesce(
    (SELECT s.nome FROM spellings s WHERE s.uf = blank(e) AND s.letters = letters(c)),
    (SELECT s.nome FROM spellings s WHERE s.uf = blank(e) AND s.letters = bare_letters(c)));
CREATE OR REPLACE MACRO place_reason(c, e, unknown) AS
    coalesce(cidade_reason(c), estado_reason(blank(e)),
             CASE WHEN unknown THEN 'cidade: not a municipality of ' || blank(e) END);

-- faixa: the number of the capital band, from 0; the bounds are those of domain/catalogue.py.
CREATE OR REPLACE MACRO faixa(capital) AS (CASE
    WHEN capital = 0 THEN 0
    WHEN capital <= 1000 THEN 1
    WHEN capital <= 5000 THEN 2
    WHEN capital <= 10000 THEN 3
    WHEN capital <= 50000 THEN 4
    WHEN capital <= 100000 THEN 5
    WHEN capital <= 500000 THEN 6
    WHEN capital <= 1000000 THEN 7
    WHEN capital <= 10000000 THEN 8
    ELSE 9 END)::TINYINT;

-- capital_social: reais and cents, 0 to 999,999,999,999.99. Files separated by semicolons have a decimal
-- comma. There one point before three digits (1.234) may group thousands or be decimal: it is ambiguous.
-- Groups have three digits after one to three digits, so any other lone point is decimal (10.00).
CREATE OR REPLACE MACRO plain(v, decimal_comma) AS CASE
    WHEN NOT decimal_comma THEN v
    WHEN regexp_full_match(v, '[0-9]{1,3}(\.[0-9]{3})+,[0-9]*|[0-9]{1,3}(\.[0-9]{3}){2,}|[0-9]+(,[0-9]*)?')
    THEN replace(replace(v, '.', ''), ',', '.')
    WHEN regexp_full_match(v, '[0-9]+\.([0-9]{1,2}|[0-9]{4,})|[0-9]{4,}\.[0-9]{3}') THEN v
    ELSE 'ambiguous'
END;
CREATE OR REPLACE MACRO capital(v, decimal_comma) AS CASE
    WHEN regexp_full_match(plain(v, decimal_comma), '[0-9]+(\.[0-9]{1,2})?')
    THEN try_cast(plain(v, decimal_comma) AS DECIMAL(14, 2))
END;
CREATE OR REPLACE MACRO capital_social_reason(v, decimal_comma) AS CASE
    WHEN v = '' THEN 'capital_social: missing'
    WHEN capital(v, decimal_comma) IS NOT NULL THEN NULL
    WHEN regexp_full_match(v, '(?i)[+-]?(nan|inf|infinity)') THEN 'capital_social: not a finite number'
    WHEN regexp_full_match(v, '-[0-9.,]+') THEN 'capital_social: negative'
    WHEN regexp_full_match(plain(v, decimal_comma), '[0-9]+\.[0-9]{3,}')
    THEN 'capital_social: more than two decimals'
    WHEN regexp_full_match(plain(v, decimal_comma), '[0-9]+(\.[0-9]{1,2})?')
    THEN 'capital_social: above 999,999,999,999.99'
    WHEN regexp_full_match(v, '[0-9.,]*[0-9][0-9.,]*') THEN 'capital_social: ambiguous number'
    ELSE 'capital_social: not a number'
END;

-- Every row of raw with its values; `fits` says that all but the place fit. cidade and estado have few
-- distinct values, so `summary` checks them once per group. A cheap expression reads values in their usual
-- form. The rules above read all others, inside a CASE: nothing else is evaluated for just those rows.
-- `opened` is a TIMESTAMP in UTC, as comparing TIMESTAMPTZ takes a calendar computation each.
CREATE OR REPLACE MACRO rows_read(decimal_comma, now, strict) AS TABLE
    WITH usual AS (
        SELECT *,
               usual_number(cnpj) AS number0,
               CASE WHEN data_abertura LIKE '____-__-__T__:__:__Z'
                    THEN try_strptime(data_abertura, '%Y-%m-%dT%H:%M:%SZ') END AS opened0,
               CASE WHEN NOT decimal_comma THEN try_cast(capital_social AS DECIMAL(14, 2)) END AS capital0
        FROM raw),
    valued AS (
        SELECT *,
               CASE WHEN number0 IS NULL THEN cnpj_number(blank(cnpj)) ELSE number0 END AS number,
               CASE WHEN opened0 IS NULL THEN instant(blank(data_abertura)) AT TIME ZONE 'UTC'
                    ELSE opened0 END AS opened,
               left(CASE WHEN opened0 IS NULL THEN blank(data_abertura) ELSE data_abertura END, 7) AS mes,
               CASE WHEN capital0 >= 0 AND capital0::VARCHAR = capital_social THEN capital0
                    ELSE capital(blank(capital_social), decimal_comma) END AS capital
        FROM usual),
    identified AS (
        SELECT *,
               CASE WHEN number IS NULL THEN alphanumeric_company(blank(cnpj)) END AS alphanumeric,
               CASE WHEN number IS NULL THEN wrong_alphanumeric_digits(blank(cnpj))
                    WHEN strict THEN number % 100 <> numeric_check_digits(number) ELSE false END AS wrong_digits
        FROM valued)
    SELECT *,
           (number IS NOT NULL OR alphanumeric IS NOT NULL) AND capital IS NOT NULL
           AND NOT (strict AND wrong_digits)
           AND coalesce(opened BETWEEN TIMESTAMP '1800-01-01 00:00:00'
                        AND (now + INTERVAL 1 DAY) AT TIME ZONE 'UTC', false) AS fits
    FROM identified;

-- The same with the place: its name, and why it does not fit. `known` are official, strict or off.
CREATE OR REPLACE MACRO rows_placed(decimal_comma, now, strict, known) AS TABLE
    WITH named AS (
        SELECT *, CASE WHEN known <> 'off' THEN municipality(cidade, estado) END AS official
        FROM rows_read(decimal_comma, now, strict))
    SELECT *,
           coalesce(official, city(cidade)) AS nome,
           place_reason(cidade, estado, known = 'strict' AND official IS NULL) AS place_problem
    FROM named;

-- One row per file, spelling of a place, month and capital band: the sums of its rows, and their companies
-- (numbers of CNPJs, or ids of alphanumeric ones). Rows that do not fit have no month and no band.
CREATE OR REPLACE MACRO summary(decimal_comma, now, strict, known) AS TABLE
    WITH spelled AS (
        SELECT file, cidade, estado,
               CASE WHEN fits THEN mes END AS mes,
               CASE WHEN fits THEN faixa(capital) END AS faixa,
               count(*) AS rows,
               count(*) FILTER (fits AND wrong_digits) AS wrong_digits,
               sum(capital) FILTER (fits) AS total,
               list(CASE WHEN number IS NULL THEN alphanumeric ELSE number END) FILTER (fits) AS companies
        FROM rows_read(decimal_comma, now, strict)
        GROUP BY ALL),
    official AS (
        SELECT cidade, estado, CASE WHEN known <> 'off' THEN municipality(cidade, estado) END AS official
        FROM (SELECT DISTINCT cidade, estado FROM spelled)),
    -- What is the same for all files, months and bands of a spelling is found out once, here.
    named AS (
        SELECT cidade, estado, coalesce(official, city(cidade)) AS nome, blank(estado) AS uf,
               known = 'off' OR official IS NOT NULL AS recognised,
               place_reason(cidade, estado, known = 'strict' AND official IS NULL) IS NULL AS placed
        FROM official)
    SELECT file, nome AS cidade, uf AS estado, mes, faixa, rows, wrong_digits, recognised,
           mes IS NOT NULL AND placed AS fits,
           CASE WHEN fits THEN total END AS capital_social_total,
           CASE WHEN fits THEN companies END AS companies
    FROM spelled JOIN named USING (cidade, estado);

-- The sums of the rows that do not count, negated: added to those of `summary`, they take these rows back.
-- Here `raw` holds only rows of `watched` companies, with their `line`.
CREATE OR REPLACE MACRO retraction(decimal_comma, now, strict, known) AS TABLE
    WITH fitting AS (
        SELECT *, faixa(capital) AS faixa
        FROM (SELECT *, CASE WHEN number IS NULL THEN alphanumeric ELSE numbered_company(number) END AS company
              FROM rows_placed(decimal_comma, now, strict, known))
        JOIN watched USING (file, company)
        WHERE fits AND place_problem IS NULL),
    counting AS (
        SELECT file, company, min(line) AS line FROM fitting WHERE NOT counted GROUP BY file, company)
    SELECT file, nome AS cidade, blank(estado) AS estado, mes, faixa,
           -sum(capital) AS capital_social_total, -count(*) AS quantidade_empresas
    FROM fitting ANTI JOIN counting USING (file, company, line)
    GROUP BY ALL;

-- Every row with the first reason why it does not fit: wrong bytes first, then the columns in order.
CREATE OR REPLACE MACRO rows_judged(decimal_comma, now, strict, known) AS TABLE
    SELECT *,
           CASE WHEN NOT fits OR place_problem IS NOT NULL
                THEN coalesce(utf8_reason(concat(cnpj, data_abertura, cidade, estado, capital_social)),
                              cnpj_reason(blank(cnpj)),
                              CASE WHEN strict AND wrong_digits THEN 'cnpj: wrong check digits' END,
                              data_abertura_reason(blank(data_abertura), now),
                              place_problem,
                              capital_social_reason(blank(capital_social), decimal_comma)) END AS reason
    FROM rows_placed(decimal_comma, now, strict, known);

-- The rows that do not fit, each with its reason.
CREATE OR REPLACE MACRO rows_rejected(decimal_comma, now, strict, known) AS TABLE
    SELECT file, reason, text
    FROM rows_judged(decimal_comma, now, strict, CASE WHEN known = 'strict' THEN known ELSE 'off' END)
    WHERE NOT fits OR place_problem IS NOT NULL;

-- The rows that fit, one by one; two rows with one `empresa` are of the same company.
CREATE OR REPLACE MACRO rows_fitting(decimal_comma, now, strict, known) AS TABLE
    WITH numbered AS (
        SELECT row_number() OVER () AS line, * FROM rows_placed(decimal_comma, now, strict, known))
    SELECT line, bare(blank(cnpj))[1:12] AS empresa, nome AS cidade, blank(estado) AS estado,
           mes, faixa(capital) AS faixa, capital AS capital_social
    FROM numbered
    WHERE fits AND place_problem IS NULL;
