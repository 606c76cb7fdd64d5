"""The rows of the table, one module each.

A row has `TITLE`, `ABOUT` (a sentence or two), `COLUMNS` (`(key, heading, digits)`, the first is the one that is
plotted) and `run(bench)`, which gives `(runs by contestant, labels by contestant, claims)`."""

from rows import big, build, idle, p99, plain, reload, routes, slow

ROWS = {
    "plain": plain,
    "big": big,
    "routes": routes,
    "idle": idle,
    "p99": p99,
    "reload": reload,
    "slow": slow,
    "build": build,
}
