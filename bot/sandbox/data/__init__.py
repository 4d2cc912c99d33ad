"""Demo data that costs no download: a generated detection data set and a tiny model."""
