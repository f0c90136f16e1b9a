"""What may be published with a release: the certificate, cards, and their pages.

Public: nothing in this folder ever sees a real row. It takes declared facts, released
numbers and synthetic rows, and cannot import anything that takes more; a test reads the
import graph. ``page`` and ``pictures`` are the look of every page, the confidential
report's as well, which hands its own numbers to them.
"""
