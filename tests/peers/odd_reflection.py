"""A service whose reflection is a nuisance, as no real one's is: `messages` describes itself with millions of them in two bytes each, `words` refuses with
millions of words. It prints its port, and ends with its input."""

import sys
from concurrent import futures

import grpc

COUNT = 8_000_000


def field(number, value):
    """A field of protobuf that holds bytes."""
    length, rest = b"", len(value)
    while rest >= 0x80:
        length, rest = length + bytes([rest & 0x7F | 0x80]), rest >> 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + value


FILE = field(1, b"odd.proto") + field(4, b"") * COUNT
ANSWERS = {
    "messages": field(4, field(1, FILE)),
    "words": field(7, b"\x08\x02" + field(2, b"no! " * COUNT)),
}


class Odd(grpc.GenericRpcHandler):
    def service(self, call):
        def answer(requests, context):
            for _ in requests:
                yield ANSWERS[sys.argv[1]]

        return grpc.stream_stream_rpc_method_handler(answer)


server = grpc.server(futures.ThreadPoolExecutor(), handlers=[Odd()], options=[("grpc.max_send_message_length", -1)])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(None)
