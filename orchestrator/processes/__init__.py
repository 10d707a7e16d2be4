"""Processes: children that talk in JSON lines, what they leave behind, and signals."""
