"""FFmpeg: finding it, building its commands, running the process, reading its standard error, and why it ended."""
