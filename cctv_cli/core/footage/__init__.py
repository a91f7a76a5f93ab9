"""What was recorded, as front ends show it: days, hours, coverage, variants."""
