"""`python -m streaming` is `city-features`."""

from streaming.app.cli import main

if __name__ == "__main__":
    main()
