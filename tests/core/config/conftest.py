"""Fixtures for tests of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from cctv_cli.core.config.load import load_settings
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.errors import ConfigError

SECRET = "hunter2"

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write the given files into an empty working folder and load the settings."""

    def loading(
        toml: Optional[str] = None,
        env: Optional[Dict[str, str]] = None,
        dotenv: Optional[str] = None,
        flags: Optional[Dict[str, object]] = None,
        config: Optional[Path] = None,
    ) -> Settings:
        for name, text in (("cameras.toml", toml), (".env", dotenv)):
            if text is not None:
                (tmp_path / name).write_text(text, encoding="utf-8")
                (tmp_path / name).chmod(0o600)
        return load_settings(config=config, environ=env or {}, cwd=tmp_path, flags=flags or {})

    return loading


@pytest.fixture
def problems(load: Load) -> Callable[..., List[str]]:
    """Load an invalid configuration and return the problems, none of which may contain the secret."""

    def failing(*args: object, **kwargs: object) -> List[str]:
        with pytest.raises(ConfigError) as caught:
            load(*args, **kwargs)
        assert SECRET not in f"{caught.value}{caught.value!r}"
        for problem in caught.value.problems:
            assert "\n" not in problem
            assert problem.endswith(".")
        return list(caught.value.problems)

    return failing
