-- One row is a gene of a species whose symbol a spreadsheet may turn into a date (sep-1, Sept2, MARCH1), with month and day.
SELECT gene, symbol, substr(lower(symbol), 1, 3) AS month, regexp_extract(symbol, '(\d+)$', 1)::INTEGER AS day
FROM gene
WHERE species = $species AND gene = primary_gene AND regexp_matches(
    lower(symbol),
    '^(jan(u(a(r(y)?)?)?)?|feb(r(u(a(r(y)?)?)?)?)?|mar(c(h)?|s)?|apr(i(l)?)?|may|jun(e)?|jul(y)?|aug(u(s(t)?)?)?|sep(t(e(m(b(e(r)?)?)?)?)?)?|oct(o(b(e(r)?)?)?)?|nov(e(m(b(e(r)?)?)?)?)?|dec(e(m(b(e(r)?)?)?)?)?)-?\d{1,2}$'
)
