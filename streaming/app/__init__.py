"""
The command line and what people see: arguments, tables, progress, exit codes.

Here and nowhere else: typer and rich. A command reads the settings, calls one job and shows its result;
it decides nothing about files or features. Imports every other folder; nothing imports it.
"""
