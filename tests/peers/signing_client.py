"""A client that signs its requests (RFC 9421), on http-message-signatures: `signing_client.py URL KEYID SECRET`.

Prints the status of each of its requests as JSON, by what was done to it between signing and sending.
"""

import base64
import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone

import requests
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

url, key_id, secret = sys.argv[1:]
BARE = ("@method", "@authority", "@target-uri")
PARTS = ("@method", "@authority", "@scheme", "@path", "@query", "@request-target", "x-one")


class Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id):
        return secret.encode()

    resolve_public_key = resolve_private_key


def signed(method, covered, body=None, age=0, key=key_id):
    request = requests.Request(method, url, data=body, headers={"X-One": "1, 2"}).prepare()
    if body is not None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        request.headers["Content-Digest"] = f"sha-256=:{digest}:"
        covered += ("content-digest",)
    request.headers["Host"] = url.split("/")[2]
    created = datetime.now(timezone.utc) - timedelta(seconds=age)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    signer.sign(
        request,
        key_id=key,
        covered_component_ids=covered,
        created=created,
        nonce="n1",
        body=body,
        use_existing_digest=body is not None,
    )
    return request


def other_body(request):
    request.body = b"The body"


def other_method(request):
    request.method = "DELETE"


def other_query(request):
    request.url += "1"


def other_field(request):
    request.headers["X-One"] = "1"


def nothing(request):
    pass


cases = {
    "get": (signed("GET", BARE), nothing),
    "parts": (signed("GET", PARTS), nothing),
    "body": (signed("POST", BARE, b"the body"), nothing),
    "old": (signed("GET", BARE, age=400), nothing),
    "unknown key": (signed("GET", BARE, key="nobody"), nothing),
    "other body": (signed("POST", BARE, b"the body"), other_body),
    "other method": (signed("GET", BARE), other_method),
    "other query": (signed("GET", BARE), other_query),
    "other field": (signed("GET", PARTS), other_field),
}
answers = {}
for name, (request, change) in cases.items():
    change(request)
    answer = requests.Session().send(request)
    detail = answer.json().get("detail") if answer.status_code != 200 else None
    answers[name] = [answer.status_code, detail]
print(json.dumps(answers))
