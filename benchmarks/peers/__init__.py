"""What others do with the same files: short, honest scripts, `python SCRIPT LANDING_ZONE REDIS_URL`."""
