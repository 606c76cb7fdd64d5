"""gRPC's own library as a peer: `serve` is a service, `call PORT` calls it through whoever listens there and prints what came.

The methods take and give plain bytes, so that nothing has to be generated."""

import json
import sys
import time
from concurrent import futures

import grpc

NAME = "peer.Echo"


def unary(request, context):
    context.set_trailing_metadata((("x-trail", "t"),))
    for name, value in context.invocation_metadata():
        if name == "x-own":
            context.send_initial_metadata((("x-seen", value),))
    return request


def fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not in this state: é")


def slow(request, context):
    # Past the deadline, if the gateway passes one on: what it would answer then, nobody waits for.
    while context.time_remaining() is not None and context.is_active():
        time.sleep(0.01)
    return b"late"


def server_stream(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def client_stream(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def both_stream(requests, context):
    for request in requests:
        yield request.upper()


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "BothStream": grpc.stream_stream_rpc_method_handler(both_stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


def status_of(run):
    try:
        run()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return ["OK", ""]


def call(port):
    large = b"x" * 3_000_000
    options = [("grpc.max_receive_message_length", 1 << 24), ("grpc.max_send_message_length", 1 << 24)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        unary_call = channel.unary_unary(f"/{NAME}/Unary")
        answer, info = unary_call.with_call(b"a", timeout=20, metadata=(("x-own", "o"),))
        told = {
            "unary": [answer.decode(), dict(info.initial_metadata()).get("x-seen"), dict(info.trailing_metadata())["x-trail"]],
            "empty": unary_call(b"", timeout=20).decode(),
            "large": unary_call(large, timeout=20) == large,
            "fail": status_of(lambda: channel.unary_unary(f"/{NAME}/Fail")(b"", timeout=20)),
            "slow": status_of(lambda: channel.unary_unary(f"/{NAME}/Slow")(b"", timeout=0.5))[0],
            "unknown": status_of(lambda: channel.unary_unary(f"/{NAME}/None")(b"", timeout=20))[0],
            "no_route": status_of(lambda: channel.unary_unary("/elsewhere.X/Y")(b"", timeout=20)),
            "server_stream": [piece.decode() for piece in channel.unary_stream(f"/{NAME}/ServerStream")(b"3", timeout=20)],
            "client_stream": channel.stream_unary(f"/{NAME}/ClientStream")(iter([b"ab", b"c"]), timeout=20).decode(),
            "both_stream": talk(channel),
            "cancel": cancel(channel),
        }
    print(json.dumps(told))


def talk(channel):
    """Each message is sent only when the one before was answered."""
    heard = []

    def speak():
        for number in range(3):
            yield b"m%d" % number
            while len(heard) <= number:
                time.sleep(0.001)

    for answer in channel.stream_stream(f"/{NAME}/BothStream")(speak(), timeout=20):
        heard.append(answer.decode())
    return heard


def cancel(channel):
    call = channel.unary_unary(f"/{NAME}/Slow").future(b"", timeout=20)
    call.cancel()
    return status_of(call.result)[0] if not call.cancelled() else "CANCELLED"


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else call(sys.argv[2])
