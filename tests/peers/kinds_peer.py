"""A service of gRPC's own library with descriptors: `PROTO [--port N] [--reflection v1|v1alpha] [--tls CERT KEY]` serves what this file describes, with
gRPC's health service and, if that is asked for, its reflection. It prints its port, and ends with its input.

Nothing is generated: the file is compiled when it starts, and each method does what its name says."""

import argparse
import pathlib
import sys
import tempfile
from concurrent import futures

import grpc
import grpc_tools
from google.api import annotations_pb2  # noqa: F401, known to the pool from here on
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_tools import protoc

NAME = "kinds.v1.Kinds"


def compiled(proto):
    """The service's descriptor, with all that it needs in the default pool."""
    folder = pathlib.Path(proto).parent
    sources = [folder, pathlib.Path(grpc_tools.__file__).parent / "_proto", pathlib.Path(grpc_tools.__file__).parent.parent]
    with tempfile.NamedTemporaryFile() as out:
        includes = [f"-I{source}" for source in sources]
        told = protoc.main(["protoc", *includes, f"--descriptor_set_out={out.name}", "--include_imports", str(proto)])
        assert told == 0, "the file is well-formed"
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read()).file
    pool = descriptor_pool.Default()
    for file in files:
        try:
            pool.FindFileByName(file.name)
        except KeyError:
            pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(NAME)


def rich_status(code, message):
    broken = error_details_pb2.BadRequest()
    broken.field_violations.add(field="code", description="was asked for")
    detail = any_pb2.Any()
    detail.Pack(broken)
    return status_pb2.Status(code=code, message=message, details=[detail]).SerializeToString()


def refuse(context, code, message):
    context.set_trailing_metadata((("grpc-status-details-bin", rich_status(code, message)),))
    context.abort(next(known for known in grpc.StatusCode if known.value[0] == code), message)


class Methods:
    def __init__(self, message_of):
        self.message_of = message_of

    def Echo(self, request, context):
        return request

    Place = Echo

    def Fail(self, request, context):
        refuse(context, request.code, "as was asked: 100 % é")

    def Count(self, request, context):
        for value in range(1, request.to + 1):
            yield self.message_of("Number")(value=value)
        if request.code:
            refuse(context, request.code, "enough")

    def Sum(self, requests, context):
        return self.message_of("Number")(value=sum(number.value for number in requests))

    def Double(self, request, context):
        return self.message_of("Number")(value=2 * request.value)


def handlers(service):
    pool = descriptor_pool.Default()
    methods = Methods(lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kinds.v1.{name}")))
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    made = {}
    for method in service.methods:
        given, gives = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        handler = kinds[(method.client_streaming, method.server_streaming)]
        made[method.name] = handler(getattr(methods, method.name), given.FromString, gives.SerializeToString)
    return grpc.method_handlers_generic_handler(NAME, made)


def add_reflection(server, version):
    names = (NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    if version == "v1alpha":
        reflection.enable_server_reflection(names, server)
        return
    # The library has the older name only; the messages are the same.
    servicer = reflection.ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    name = "grpc.reflection.v1.ServerReflection"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),))


def serve():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("proto")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--reflection", choices=["v1", "v1alpha"])
    arguments.add_argument("--tls", nargs=2, type=pathlib.Path)
    asked = arguments.parse_args()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handlers(compiled(asked.proto)),))
    checked = health.HealthServicer()
    checked.set(NAME, health_pb2.HealthCheckResponse.SERVING)
    checked.set("kinds.v1.Gone", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checked, server)
    if asked.reflection:
        add_reflection(server, asked.reflection)
    address = f"127.0.0.1:{asked.port}"
    if asked.tls:
        certificate, key = (path.read_bytes() for path in asked.tls)
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    serve()
