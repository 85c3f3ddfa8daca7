"""What only tells: charts, tables, prose and pages, from result tables alone.

Nothing here decides a number, and nothing here needs data, an encoder or torch. Each function takes
a tidy frame; :mod:`~simcse_core.report.records` reads the tables that the notebooks wrote.
"""
