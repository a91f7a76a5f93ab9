"""Parsing media files: MPEG-TS and fragmented MP4, parameter sets, picture sizes, and the time that a file covers.

Takes paths and bytes, returns values. Knows nothing about cameras, runs or journals.
"""
