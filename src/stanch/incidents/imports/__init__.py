"""What other scanners found: readers of their reports, and the way of it into the record.

One module a format; `detecting` knows them all, `names` knows what their rules are called here, `sightings` turns what they
read into what the record takes, and `importer` puts it there.
"""
