"""Bytes of media files: MPEG-TS and fragmented MP4, parameter sets, pictures, and the span of time a file covers.

Takes paths and bytes, returns values. Knows nothing of cameras, runs or journals.
"""
