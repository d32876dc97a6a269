"""
The landing zone: which files there are, how one is dropped, opened, quarantined and moved.

It knows files by path, size, time and ETag; not what is in them (`reading`), nor what became of them
(`store`).
`zone` is its interface; a directory and a prefix of an object store implement it.
"""
