"""Tables and records: spreadsheets, delimited text and JSON."""
