"""What a terminal shows: how a run stands, drawn in place or as lines, here or elsewhere; plans in words."""
