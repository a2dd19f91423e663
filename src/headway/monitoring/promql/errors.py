"""Why a query has no answer. Each is told to whoever asked, in one sentence."""


class QueryError(ValueError):
    """The query makes no sense, or not for this data."""


class ParseError(QueryError):
    """The text is no PromQL."""


class QueryLimitError(QueryError):
    """It would need more samples or more time than one query may have."""
