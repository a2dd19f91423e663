"""Keys and words that the format has room for and this version cannot do yet.

They are never ignored, and never called unknown: whoever writes one learns what happens without.
"""

# Which kind of mapping -> key -> what is so until then.
KEYS: dict[str, dict[str, str]] = {
    "site": {
        "slo": "objectives are not measured yet; `latency_budget` already sets the deadline",
        "alerts": "alerts are not evaluated yet; `headway status` shows what is wrong",
        "oncall": "nobody is paged yet",
        "drills": "drills are not run yet",
        "flags": "flags are not served yet",
        "probes": "probes from outside are not made yet; every replica is checked by `health`",
        "schedules": "nothing runs by the calendar yet; `kind: job` runs once",
        "release": "replicas are replaced in the rolling way, within `ready_min` and `surge_max`",
        "scaling": "change `replicas`, or use `headway scale`",
        "degrade": "mark calls that may fail with `optional: true`",
        "experiments": "experiments are not run yet",
    },
    "service": {
        "build": "name in `run` what is already installed, and its inputs in `files`",
        "check": "run your checks before `headway up`",
        "test": "a replica gets traffic when its `health` says yes",
        "tree": "describe each level as a service of its own",
        "release": "replicas are replaced in the rolling way, within `ready_min` and `surge_max`",
        "degrade": "mark calls that may fail with `optional: true`",
        "slo": "objectives are not measured yet",
        "probes": "every replica is checked by `health`",
        "alerts": "alerts are not evaluated yet; `headway status` shows what is wrong",
        "flags": "flags are not served yet",
        "schedule": "nothing runs by the calendar yet; `kind: job` runs once",
        "scaling": "change `replicas`, or use `headway scale`",
        "volume": "data survives in folders of your choice",
        "shards": "describe each shard as a service of its own",
        "answer": "every answer is awaited whole",
    },
    "call": {
        "retries": "how often a call is repeated cannot be set yet",
        "hedge": "requests are not sent twice",
        "fallback": "mark the call with `optional: true` and answer without it",
    },
}

WORDS: dict[str, dict[str, str]] = {
    "kind": {"state": "run what keeps data outside of Headway, or as one replica"},
    "balance": {"random": "write `round-robin` or `least-loaded`"},
}
REPLICAS_RANGE = "write one number: `replicas: 3`; `headway scale` changes it while running"

# What keys are called elsewhere, and what to write here: kind of mapping -> key -> remedy.
OTHER_NAMES: dict[str, dict[str, str]] = {
    "site": {
        "name": "write `site`",
        "budget": "write `latency_budget`",
        "deadline": "write `latency_budget`",
        "profiles": "write `environments`",
        "version": "write `headway: 1`, the version of the format",
        "port": "write `entry: {service: frontend, port: 8080}`",
        "ports": "write `entry: {service: frontend, port: 8080}`",
        "volumes": "leave it out; data survives in folders of your choice",
        "networks": "leave it out; services of a site reach each other by `calls`",
        "nodes": "write `hosts`",
        "zones": "write `hosts: {a: {zone: east}, b: {zone: west}}`",
    },
    "service": {
        "cmd": "write `run`",
        "command": "write `run`",
        "entrypoint": "write `run`",
        "exec": "write `run`",
        "environment": "write `env`",
        "depends_on": "write `calls`; a call may be `optional: true`",
        "needs": "write `calls` for other services, `resources` for cpu and memory",
        "healthcheck": "write `health`",
        "health_check": "write `health`",
        "instances": "write `replicas`",
        "scale": "write `replicas`",
        "count": "write `replicas`",
        "port": "Headway chooses the port and passes it as $PORT",
        "ports": "Headway chooses the port and passes it as $PORT",
        "restart": "leave it out; a service that ends is started again",
        "image": "write in `run` how the program is started; there are no images",
        "timeout": "write `deadline` in the caller's `calls`, or `timeout` in `health` or `entry`",
    },
}

# The same thing under another name.
SAME_WORDS = {"least-request": "least-loaded"}
