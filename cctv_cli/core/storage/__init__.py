"""What lies in a camera's recordings folder and what may be said of it: journal, commit, holds, marker."""
