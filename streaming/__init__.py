"""City features: every new company counted once, to the cent, from CSV files into Redis."""
