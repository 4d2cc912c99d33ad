"""Everything that is kept: tables, constraints, queries."""
