"""From a CSV file to answers of the service, all in this process: what ``benchmarks/tables.py`` and the tests walk."""
