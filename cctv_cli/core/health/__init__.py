"""Facts about the system, the findings they lead to, storage capacity, alerts and notifications."""
