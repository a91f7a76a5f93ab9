"""What is known, what is wrong, and who is told: facts, findings, capacity, alerts, notifications."""
