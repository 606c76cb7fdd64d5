"""What clients show in the rows on access: keys, and tokens signed with HS256 and ES256."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

from process import Broken

CONSUMERS = 100_000
TOKENS = 50_000
"""Far more than any program keeps."""

ISSUER, AUDIENCE = "https://issuer.bench", "bench"
SECRET = "0123456789abcdef0123456789abcdef"
"""Protects nothing."""


def key(number):
    """The API key of a consumer."""
    return f"mtr_{number:048x}"


def key_hash(number):
    return "sha256:" + hashlib.sha256(key(number).encode()).hexdigest()


def key_fields(count=TOKENS):
    """A line for each request, spread over all consumers in an order that no cache likes."""
    return [f"X-API-Key: {key(index * 7919 % CONSUMERS)}" for index in range(count)]


def hs256(count):
    """So many tokens, each of another subject."""
    signed = (signing_input("HS256", number) for number in range(count))
    return [f"{text}.{encoded(hmac.digest(SECRET.encode(), text.encode(), 'sha256'))}" for text in signed]


def es256(loadgen, count):
    """`(the public key as a JWK, so many tokens)`."""
    inputs = "".join(f"{signing_input('ES256', number)}\n" for number in range(count))
    done = subprocess.run([loadgen.binary, "sign"], input=inputs, stdout=subprocess.PIPE, text=True, check=False)
    jwk, *tokens = done.stdout.splitlines()
    if done.returncode != 0 or len(tokens) != count:
        raise Broken(f"loadgen sign ended with {done.returncode}")
    return json.loads(jwk), tokens


def signing_input(algorithm, number):
    header = {"alg": algorithm, "typ": "JWT", "kid": "bench"}
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{number:06}", "iat": now, "exp": now + 86_400,
        "jti": f"{number:032x}", "scope": "orders:read orders:write", "realm_access": {"roles": ["user", "editor"]},
    }
    return f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(jwk):
    """The same public key as HAProxy reads it (RFC 5480)."""
    point = b"\x04" + b"".join(base64.urlsafe_b64decode(jwk[name] + "=") for name in "xy")
    der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point
    return f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(der).decode()}-----END PUBLIC KEY-----\n"
