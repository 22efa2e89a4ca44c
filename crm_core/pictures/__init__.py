"""Pictures of figures: SVG made by pure functions, with labels passed in, and rendered to PNG by a subprocess."""
