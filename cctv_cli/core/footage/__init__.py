"""What was recorded, as people ask for it: days, hours, coverage, variants."""
