"""Who says so: keys and whom they are trusted for, signed statements about a report, and their verification."""
