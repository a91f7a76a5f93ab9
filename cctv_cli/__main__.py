"""`python -m cctv_cli` is `cctv`."""

from __future__ import annotations

from cctv_cli.cli.app import main

if __name__ == "__main__":
    main()
