"""A page taken apart, to see that every tag is ours and none is left open."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def check_page(text: str) -> Page:
    """The page; fails where a tag is open, is not ours, or could load or run something."""
    page = Page()
    page.feed(text)
    assert page.open == []
    names = {name for name, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "a"}
    for name, attributes in page.tags:
        assert not any(key.startswith("on") or key in ("src", "href", "action") for key in attributes), name
        assert not any("expression" in (value or "") or "url(" in (value or "") for value in attributes.values())
    assert "url(" not in text.partition("</style>")[0]
    return page
