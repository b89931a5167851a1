"""Whether a model fits on a chip: an estimate with its arithmetic, from config.json and sizes."""
