"""What is deleted, why and when: plan (pure), scan, erase, clean, schedule."""
