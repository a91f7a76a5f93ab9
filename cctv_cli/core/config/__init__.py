"""cameras.toml, .env and the environment merged into frozen `Settings`, with the origin of each value."""
