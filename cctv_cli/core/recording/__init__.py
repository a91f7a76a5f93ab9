"""Keeping cameras recorded: the supervisor, one recorder for each camera, one run for each FFmpeg, the live window."""
