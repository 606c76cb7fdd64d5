"""Clients of TLS 1.3 that no other generator is: run by `generators.py`, on the other core.

`connections`: one after the other, each with a handshake, one request and its answer; `--resume 1`: with the ticket of
the one before. `idle`: many that send one request each and stay open until the input ends. Both print JSON, line by line."""

import argparse
import json
import socket
import ssl
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, ACK, HEADERS, GOAWAY, RST_STREAM = 4, 1, 1, 7, 3
END_STREAM, END_HEADERS = 1, 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("subcommand", choices=("connections", "idle"))
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--resume", type=int, default=0)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--sources", type=int, default=1)
    parser.add_argument("--protocol", choices=("http/1.1", "h2"), default="http/1.1")
    options = parser.parse_args()
    host, _, port = options.target.partition(":")
    target = (host, int(port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([options.protocol])
    if options.subcommand == "connections":
        connections(context, target, options)
    else:
        idle(context, target, options)


def connections(context, target, options):
    """As many as there is time for. The first one, which nothing is resumed from, is not counted."""
    session = None
    done = -1
    end = begin = time.monotonic()
    while end - begin < options.seconds or done < 1:
        stream = connect(context, target, session=session)
        if options.resume and done >= 0 and not stream.session_reused:
            sys.exit("the session was not resumed")
        ask_http1(stream, target)
        cipher = stream.cipher()[0]
        # The ticket came before the answer.
        session = stream.session if options.resume else None
        stream.close()
        end = time.monotonic()
        if done < 0:
            begin = end
        done += 1
    print(json.dumps({"connections": done, "seconds": end - begin, "cipher": cipher}), flush=True)


def idle(context, target, options):
    """From so many addresses in turn, because a gateway may limit the connections of one."""
    ask = {"http/1.1": ask_http1, "h2": ask_http2}[options.protocol]
    streams = []
    for number in range(options.connections):
        stream = connect(context, target, source=f"127.0.1.{number % options.sources + 1}")
        if stream.selected_alpn_protocol() != options.protocol:
            sys.exit(f"ALPN: {stream.selected_alpn_protocol()}")
        ask(stream, target)
        streams.append(stream)
    print(json.dumps({"open": len(streams)}), flush=True)
    sys.stdin.read()
    print(json.dumps({"closed": sum(map(is_closed, streams))}), flush=True)


def connect(context, target, source=None, session=None):
    plain = socket.create_connection(target, 10, source_address=(source, 0) if source else None)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, session=session)


def ask_http1(stream, target):
    stream.sendall(f"GET / HTTP/1.1\r\nHost: {target[0]}:{target[1]}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += receive(stream)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    if " 200 " not in f"{lines[0]} ":
        sys.exit(f"answered {lines[0]}")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    while len(body) < length:
        body += receive(stream)


def ask_http2(stream, target):
    authority = f"{target[0]}:{target[1]}".encode()
    # GET, https, / and :authority: indexed fields of the static table, and a literal with an indexed name.
    head = bytes([0x82, 0x87, 0x84, 0x01, len(authority)]) + authority
    stream.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS | END_STREAM, 1, head))
    came = b""
    ended = settled = False
    while not (ended and settled):
        came += receive(stream)
        while len(came) >= 9 and len(came) >= 9 + (length := int.from_bytes(came[:3], "big")):
            kind, flags, number = came[3], came[4], int.from_bytes(came[5:9], "big")
            if kind in (GOAWAY, RST_STREAM):
                sys.exit(f"a frame of kind {kind}: {came[9:9 + length]!r}")
            if kind == SETTINGS and not flags & ACK:
                stream.sendall(frame(SETTINGS, ACK, 0, b""))
                settled = True
            ended = ended or (number == 1 and bool(flags & END_STREAM))
            came = came[9 + length:]


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def receive(stream):
    came = stream.recv(65536)
    if not came:
        sys.exit("closed before the answer")
    return came


def is_closed(stream):
    """Whether the other side has ended; frames that say no more than that all is well may have come."""
    stream.setblocking(False)
    try:
        while came := stream.recv(65536):
            if len(came) >= 4 and came[3] == GOAWAY:
                return True
        return True
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True


if __name__ == "__main__":
    main()
