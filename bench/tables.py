"""Route tables: the same services, written for maitred and for nginx, and the paths that reach them.

A third of the routes is a prefix, a third has a parameter, a third is an exact path."""


def routes(count):
    """`(name, kind, base)` of each route."""
    kinds = ("prefix", "param", "exact")
    return [(f"s{number:05}", kinds[number % 3], f"/api/v1/s{number:05}") for number in range(count)]


def paths(count, requests=10_000):
    """One path for each of `requests` requests, spread over all routes in an order that no cache likes.

    Their number is the same for any table, so that the generator's own work is."""
    table = routes(count)
    tails = {"prefix": "/a/b?page={}", "param": "/items/{}", "exact": "/status?n={}"}
    result = []
    for index in range(requests):
        _, kind, base = table[index * 7919 % count]
        result.append(base + tails[kind].format(index))
    return result


def maitred(count, upstream):
    """The routes as lines of a maitred document, under `routes:`."""
    tails = {"prefix": "/*", "param": "/items/{id}", "exact": "/status"}
    return [
        f'  {name}: {{ match: "GET {base}{tails[kind]}", upstream: {upstream} }}'
        for name, kind, base in routes(count)
    ]


def nginx(count, upstream):
    """The routes as locations of an nginx server."""
    heads = {"prefix": "{}/", "param": "{}/items/", "exact": "= {}/status"}
    return [
        f"    location {heads[kind].format(base)} {{ proxy_pass http://{upstream}; }}"
        for name, kind, base in routes(count)
    ]
