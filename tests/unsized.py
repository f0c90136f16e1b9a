"""Settings that several test modules share."""

# Shares and grids as for a large table: ``test_sizing`` has those of a small one.
UNSIZED = {"one_way_noise": 1e9, "grid_noise": 1e9}
