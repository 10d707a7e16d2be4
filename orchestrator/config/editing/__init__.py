"""Editing the text of a config file in place: what does not change keeps its bytes."""
