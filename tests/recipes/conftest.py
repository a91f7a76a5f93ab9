from __future__ import annotations

from tests.e2e.conftest import clip_of

__all__ = ["clip_of"]
