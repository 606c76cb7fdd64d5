"""Asks gRPC's health service through whoever listens at a port: `PORT` prints what it says of some services."""

import json
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def state(stub, service):
    try:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    except grpc.RpcError as error:
        return error.code().name


def main():
    with grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        told = {service: state(stub, service) for service in ("", "kinds.v1.Kinds", "kinds.v1.Gone", "kinds.v1.Nobody")}
        watched = stub.Watch(health_pb2.HealthCheckRequest(service="kinds.v1.Kinds"), timeout=20)
        told["watched"] = health_pb2.HealthCheckResponse.ServingStatus.Name(next(watched).status)
        watched.cancel()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
