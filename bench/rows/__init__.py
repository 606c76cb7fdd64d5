"""The rows of the table, one module each.

A row has `TITLE`, `ABOUT` (a sentence or two), `COLUMNS` (`(key, heading, digits)`, the first is the one that is
plotted) and `run(bench)`, which gives `(runs by contestant, labels by contestant, claims)`."""

from rows import access, big, build, cache, http2, idle, idle_tls, limits, limits_redis, p99, plain, policies, reload, routes, slow, tls

ROWS = {
    "plain": plain,
    "access": access,
    "policies": policies,
    "limits": limits,
    "limits_redis": limits_redis,
    "cache": cache,
    "http2": http2,
    "tls": tls,
    "big": big,
    "routes": routes,
    "idle": idle,
    "idle_tls": idle_tls,
    "p99": p99,
    "reload": reload,
    "slow": slow,
    "build": build,
}
