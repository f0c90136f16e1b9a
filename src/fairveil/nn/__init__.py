"""Networks and losses: pure functions of arrays and keys; no files, no budget."""
