"""
The landing zone and what belongs to it on disk: listing, dropping and opening files, moves, quarantine.

Nothing here knows what is in a file, or what Redis counted.
"""
