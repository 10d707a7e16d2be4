"""What a human should hear of: in which words, by which channels, and until it has arrived."""
