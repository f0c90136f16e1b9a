"""Frames and files: how a table comes in and goes out. Learns nothing."""
