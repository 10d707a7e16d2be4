"""Editing the text of a config file in place: what does not change keeps its bytes."""

from orchestrator.config.editing.options import with_options

__all__ = ["with_options"]
