"""
The way of a file, from the landing zone into Redis: discover, settle, read, decide, merge, archive.

This is where `reading`, `store` and `spark` meet; they do not know of each other. Rules of what a row
means belong in `reading`, keys and scripts in `store`, the JVM in `spark`.
"""
