"""
The panel: what is in Redis, as pages for a browser, in Portuguese.

It only reads. Pages are made here, from templates. They need no network but the panel itself, and all
but tooltips and suggestions works without JavaScript. A page never mixes two versions of the features.
"""
