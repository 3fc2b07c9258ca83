"""Sessions: loading, merging and saving one, listing and ending many."""
