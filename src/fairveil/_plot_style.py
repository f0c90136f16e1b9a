"""The look that all plots share: public constants."""

DARK, PALE = "#222222", "#888888"
STYLE = {
    "svg.hashsalt": "fairveil",  # else every drawing has names of its own
    "svg.fonttype": "path",  # a reader's fonts move no label
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PALE,
    "xtick.color": DARK,
    "ytick.color": DARK,
}
