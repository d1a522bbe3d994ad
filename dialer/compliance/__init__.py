"""May we call? The gate is the only door; packs are the law as data; every refusal has its reasons."""
