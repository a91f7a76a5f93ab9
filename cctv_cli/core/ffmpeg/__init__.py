"""FFmpeg itself: finding it, whole commands as argv, the process, its standard error, and why it ended."""
