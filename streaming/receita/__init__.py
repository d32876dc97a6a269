"""
The files that Receita Federal publishes (EMPRECSV and ESTABELE), read into records.

Names and zips, pieces that can be read side by side, lines, the two layouts, and the rules. All of it
works on bytes and arrays, without Spark: `pipeline.receita_jobs` calls `worker` on the executors.
"""
