"""Pictures of figures: SVG drawn by pure functions, words passed in, made into PNG by a process of its own."""
