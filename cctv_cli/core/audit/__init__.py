"""The audit log: who did what, when and with what outcome. Lines of JSON in `<storage>/.audit/`, bounded in all."""
