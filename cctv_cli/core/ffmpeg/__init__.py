"""FFmpeg itself: finding it, whole commands as argv, the process, its stderr, and why it ended."""
