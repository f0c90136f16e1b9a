"""Reads a page as a browser would, and fails where its tags do not nest."""

from html.parser import HTMLParser

# tags without an end, of HTML and of the pictures in a page
_VOID = {"meta", "link", "br", "hr", "img", "input"}
_VOID |= {"rect", "line", "circle", "polyline", "path", "use"}


class Reader(HTMLParser):
    """Checks that tags nest, and keeps them."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.seen if name == tag]


def read_page(html):
    """The page's tags and texts, once all that was opened is closed."""
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader
