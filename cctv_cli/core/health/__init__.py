"""Facts about the system, findings, storage capacity, and alerts."""
