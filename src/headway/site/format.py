"""`headway fmt`: a description in the order and the manner of the reference.

Promises: comments survive, the meaning is the same, and doing it twice changes nothing more. Before
anything is returned it is read again and compared; what would not be the same is refused instead.
(A round trip through ruamel.yaml keeps a comment with the key *above* it; as soon as keys are put
in order, comments would belong to their neighbours. So lines are moved, with what is written on
and above them.)
"""

from headway.site.layout import Layout
from headway.site.page import Page, Unformattable, compose
from headway.site.tree import Data, Scalar, read_tree, to_data


def formatted(text: str) -> str:
    """The text of a description without errors, laid out anew; or `Unformattable`."""
    text = text.removeprefix("\ufeff")
    page = Page(text)
    line_end = "\r\n" if "\r\n" in text else "\n"
    laid_out = "\n".join(Layout(page).lines(compose(text))) + "\n"
    _refuse_difference(text, page, laid_out)
    return laid_out.replace("\n", line_end)


def _refuse_difference(before: str, page: Page, after: str) -> None:
    """A comment lost or a value changed would be our mistake; nobody is to pay for it."""
    help_ = "the file stays as it is; please report it"
    tree = read_tree(after)
    if tree.problems or tree.root is None or _meaning(after) != _meaning(before):
        raise Unformattable(1, "laid out anew it would mean something else", help_)
    if Page(after).comments() != page.comments():
        raise Unformattable(1, "laid out anew it would lose a comment", help_)


def _meaning(text: str) -> object:
    root = read_tree(text).root
    assert root is not None, "only what was parsed is formatted"
    return _told(to_data(root))


def _told(data: Data) -> object:
    if isinstance(data, Scalar):
        return None if data.is_null else (data.text, data.plain)
    if isinstance(data, list):
        return [_told(item) for item in data]
    return {key: _told(value) for key, value in data.items()}
