"""Explanations of HW020 to HW036: single values."""

from headway.site.explanation import HEAD, Explanation, service, with_services

_RUN = "run: python -m search.frontend"
_GOOD = service(_RUN)

VALUES = (
    Explanation(
        "HW020",
        "not a duration",
        "Units are always written, because 200 was milliseconds to one and seconds to the other: "
        "us, ms, s, m, h or d.",
        service(_RUN, "drain: 5"),
        service(_RUN, "drain: 5s"),
    ),
    Explanation(
        "HW021",
        "not a size",
        "Units are always written. `MB` is a million bytes, `MiB` is 1,048,576.",
        service(_RUN, "resources: {memory: 256}"),
        service(_RUN, "resources: {memory: 256MB}"),
    ),
    Explanation(
        "HW022",
        "not a number",
        "A plain decimal number is expected, without quotes.",
        service(_RUN, "replicas: two"),
        service(_RUN, "replicas: 2"),
    ),
    Explanation(
        "HW023",
        "a value that YAML tools read differently",
        "`NO` is false to one tool and a country to another; `012` is 12 or 10; `12:30` is 750. "
        "Quotes make it a text.",
        service(_RUN, "env: {COUNTRY: NO}"),
        service(_RUN, 'env: {COUNTRY: "NO"}'),
    ),
    Explanation(
        "HW024",
        "a name that cannot be used",
        "Names become parts of variables, files and addresses: 1 to 40 of a-z, 0-9 and `-`, "
        "beginning with a letter.",
        with_services(f"frontend: {{{_RUN}}}", "Index_Root: {run: ./index}"),
        with_services(f"frontend: {{{_RUN}}}", "index-root: {run: ./index}"),
    ),
    Explanation(
        "HW025",
        "not one of the choices",
        "Here only a few words have a meaning; the help lists them.",
        service(_RUN, "protocol: https"),
        service(_RUN, "protocol: http"),
    ),
    Explanation(
        "HW026",
        "out of range",
        "Everything has a limit, far above what is sensible. The help names it.",
        service(_RUN, "health: {every: 1ms}"),
        service(_RUN, "health: {every: 40ms}"),
    ),
    Explanation(
        "HW027",
        "shell syntax in a command",
        "`run` is started without a shell, so that the process which is watched and ended is the "
        "program itself. `&&`, `|`, `>`, `$(…)` and `cd` would be handed over as plain words. "
        "Quote them if that is meant, or ask for a shell; begin its last command with `exec`.",
        service("run: cd app && ./serve"),
        service("run: sh -c 'cd app && exec ./serve'"),
    ),
    Explanation(
        "HW028",
        "no command",
        "The first word is the program. Quotes must be closed.",
        service("run: ./serve 'it"),
        service("run: ./serve it"),
    ),
    Explanation(
        "HW029",
        "a variable that cannot be set",
        "Names have letters, digits and `_`. `PORT` and everything that begins with `HW_` is set "
        "by Headway for each replica.",
        service(_RUN, 'env: {PORT: "8080"}'),
        service(_RUN, 'env: {UPSTREAM_PORT: "8080"}'),
    ),
    Explanation(
        "HW030",
        "not how a secret is written",
        "Exactly `${secret:NAME}`. Anything similar would reach the program as it stands.",
        service(_RUN, 'env: {KEY: "${secret.ads-key}"}'),
        service(_RUN, 'env: {KEY: "${secret:ads-key}"}'),
    ),
    Explanation(
        "HW031",
        "a secret where everyone would see it",
        "Commands, paths and names appear in plans, logs and lists of processes. Only a variable "
        "of the process keeps a secret.",
        service("run: './serve --key ${secret:ads-key}'"),
        service("run: ./serve", 'env: {KEY: "${secret:ads-key}"}'),
    ),
    Explanation(
        "HW032",
        "not a path",
        "A path of a URL begins with `/`. Files that belong to a release lie below the folder of "
        "the description, so that they can travel with it.",
        service(_RUN, "health: {path: healthz}"),
        service(_RUN, "health: {path: /healthz}"),
    ),
    Explanation(
        "HW033",
        "another format",
        "`headway: 1` is the version of the format, not of Headway.",
        _GOOD.replace("headway: 1", "headway: 2"),
        _GOOD,
    ),
    Explanation(
        "HW034",
        "a secret without one source",
        "Its value comes from a file of mode 0600 or from what a command prints, not both.",
        HEAD + "  frontend:\n    " + _RUN + "\nsecrets: {ads-key: {}}\n",
        HEAD + "  frontend:\n    " + _RUN + "\nsecrets: {ads-key: {file: ./ads-key}}\n",
    ),
    Explanation(
        "HW035",
        "no value",
        "A key without a value could mean the default or a mistake. Leave the key out for the "
        'default; `""` is an empty text.',
        service(_RUN, "replicas:"),
        service(_RUN, "replicas: 2"),
    ),
    Explanation(
        "HW036",
        "not a rate",
        "So many in what time? 100 was a second to one and a minute to the other: "
        "write `/s`, `/m` or `/h`.",
        service(_RUN, "overload: {rate: 2000}"),
        service(_RUN, "overload: {rate: 2000/s}"),
    ),
)
