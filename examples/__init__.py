"""What to try the service with: a small file, and a demonstration with two years of data."""
