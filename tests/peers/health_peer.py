"""A service of gRPC's own library whose health is told to it: each line of its input is the name of a service (`-` for the server as a whole) and its
state, `SERVING` or `NOT_SERVING`. It answers each call of `peer.Echo/Unary` with what it got. It prints its port, and ends with its input."""

import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("peer.Echo", {"Unary": echo}),))
    checked = health.HealthServicer()
    checked.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checked, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    for line in sys.stdin:
        service, state = line.split()
        checked.set("" if service == "-" else service, health_pb2.HealthCheckResponse.ServingStatus.Value(state))
    server.stop(0).wait()


if __name__ == "__main__":
    main()
