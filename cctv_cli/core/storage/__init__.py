"""The recordings of a camera on disk: journal, commit, holds, marker, days."""
