"""
The landing zone: which files there are, how one is dropped, opened, quarantined and moved.

It knows files by path, size and time, not what is in them (`reading`) nor what became of them (`store`).
An object store will be a second implementation beside the local directory.
"""
