"""Explanations of HW001 to HW016: the text itself, and its keys."""

from headway.site.explanation import HEAD, Explanation, service, with_services

_RUN = "run: python -m search.frontend"
_GOOD = service(_RUN)

TEXT = (
    Explanation(
        "HW001",
        "too large",
        "A description is at most 1 MiB and 50,000 values, so that reading it never takes long. "
        "Real sites stay far below; a file this large is usually the wrong file.",
        "# the same words again and again, thousands of times\n",
        _GOOD,
        times=30_000,
    ),
    Explanation(
        "HW002",
        "not YAML",
        "The file cannot be read any further, so problems below this place are not known yet. "
        "Most often a quote or a bracket is not closed, or the indentation slipped.",
        service("run: search: frontend"),
        service('run: "search: frontend"'),
    ),
    Explanation(
        "HW003",
        "a tab in the indentation",
        "YAML is indented with spaces only, because nobody agrees how wide a tab is.",
        HEAD + "  frontend:\n\trun: python -m search.frontend\n",
        _GOOD,
    ),
    Explanation(
        "HW004",
        "nested too deep",
        "At most 50 levels, with what aliases bring in. A site needs six.",
        "deep: " + "[" * 60 + "]" * 60 + "\n",
        _GOOD,
    ),
    Explanation(
        "HW005",
        "an alias that stands for nothing, or for too much",
        "`*name` repeats what `&name` marks. It must be marked before, may not contain itself, "
        "and all aliases together may stand for at most 10,000 values. A text that begins with "
        "`*`, as the paths of environments do, needs quotes.",
        _GOOD + "environments:\n  test: {*all: 1}\n",
        _GOOD + 'environments:\n  test: {"*.replicas": 1}\n',
    ),
    Explanation(
        "HW006",
        "more than one document",
        "`---` begins another document. One file describes one site.",
        _GOOD + "---\nheadway: 1\n",
        _GOOD,
    ),
    Explanation(
        "HW007",
        "not a description",
        "The file is empty, or holds a list or a single text instead of keys and values.",
        "- frontend\n- index\n",
        _GOOD,
    ),
    Explanation(
        "HW008",
        "a tag",
        "`!something` asks the reader to make a special object. Headway never does; plain values "
        "are enough.",
        service("run: !!python/object/apply:os.system [ls]"),
        _GOOD,
    ),
    Explanation(
        "HW009",
        "a key given twice",
        "YAML tools silently take one of the two, and not all take the same one.",
        service(_RUN, "replicas: 2", "replicas: 3"),
        service(_RUN, "replicas: 3"),
    ),
    Explanation(
        "HW010",
        "a character that is no text",
        "Control characters and broken Unicode have no meaning here and can deceive a reader.",
        service('run: "frontend \\0"'),
        _GOOD,
    ),
    Explanation(
        "HW011",
        "unknown key",
        "Nothing is ignored: a key that is not known would do nothing, and somebody would believe "
        "that it does.",
        service(_RUN, "replcas: 3"),
        service(_RUN, "replicas: 3"),
    ),
    Explanation(
        "HW012",
        "a call to nobody",
        "`calls` names services of this site. Programs outside of it are reached without Headway.",
        with_services(
            f"frontend: {{{_RUN}, calls: {{indx: {{}}}}}}", "index: {run: ./index, replicas: 2}"
        ),
        with_services(
            f"frontend: {{{_RUN}, calls: {{index: {{}}}}}}", "index: {run: ./index, replicas: 2}"
        ),
    ),
    Explanation(
        "HW013",
        "not supported yet",
        "The format has room for this, and this version of Headway cannot do it. It is refused "
        "rather than ignored; the help says what is so until then.",
        service(_RUN, "tree: {shards: 4}"),
        _GOOD,
    ),
    Explanation(
        "HW014",
        "a key is missing",
        "A site needs `headway`, `site`, `entry` and `services`; a service needs `run`.",
        service("replicas: 2"),
        service(_RUN, "replicas: 2"),
    ),
    Explanation(
        "HW015",
        "another kind of value is expected",
        "One value, a list (`[a, b]`) and a mapping (`{a: b}`) cannot stand for each other.",
        service(_RUN, "env: [WORDS=words.txt]"),
        service(_RUN, "env: {WORDS: words.txt}"),
    ),
    Explanation(
        "HW016",
        "merge keys",
        "`<<` hides what a service consists of from the person who reads it. There are no "
        "templates; what differs between sizes of a site belongs into `environments`.",
        with_services(f"frontend: &base {{{_RUN}}}", "index: {<<: *base}"),
        with_services(f"frontend: {{{_RUN}}}", "index: {run: ./index}"),
    ),
)
