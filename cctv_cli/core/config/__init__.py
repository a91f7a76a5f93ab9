"""cameras.toml, .env and the environment become frozen `Settings`; each value knows where it came from."""
