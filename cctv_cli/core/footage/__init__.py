"""Recorded footage, as front ends show it: days, hours, coverage, variants."""
