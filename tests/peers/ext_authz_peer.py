"""A service of Envoy's ext_authz on gRPC's own library, with the public messages. The field `x-do` of a request says what it answers.

It prints its port, and ends with its input."""

import sys
import time
from concurrent import futures

import grpc
from envoy.service.auth.v3 import external_auth_pb2 as auth
from envoy.service.auth.v3 import external_auth_pb2_grpc

OK, PERMISSION_DENIED = 0, 7


def option(name, value, append=None):
    told = auth.OkHttpResponse().headers.add()
    told.header.key, told.header.value = name, value
    if append is not None:
        told.append.value = append
    return told


def told(request):
    """What the request said, for the service behind: a field each."""
    attributes = request.attributes
    http = attributes.request.http
    said = {
        "x-source": attributes.source.address.socket_address.address,
        "x-destination": attributes.destination.service,
        "x-method": http.method,
        "x-path": http.path,
        "x-host": http.host,
        "x-scheme": http.scheme,
        "x-protocol": http.protocol,
        "x-size": str(http.size),
        "x-body": http.body,
        "x-context": attributes.context_extensions["shop"],
        "x-time": str(attributes.request.time.seconds > 0),
        "x-id": http.id,
    }
    return [option(name, value) for name, value in said.items()]


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):
    def Check(self, request, context):
        response = auth.CheckResponse()
        wanted = request.attributes.request.http.headers.get("x-do", "")
        if wanted == "fail":
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if wanted == "hang":
            while context.is_active():
                time.sleep(0.01)
        if wanted == "large":
            response.denied_response.body = "x" * (1 << 20)
        if wanted in ("deny", "large"):
            response.status.code = PERMISSION_DENIED
            response.denied_response.status.code = 401
            response.denied_response.headers.append(option("www-authenticate", "Bearer"))
            response.denied_response.body += "sign in"
            return response
        if wanted == "bare":
            response.status.code = PERMISSION_DENIED
            return response
        response.status.code = OK
        ok = response.ok_response
        ok.headers.extend(told(request))
        ok.headers.append(option("x-more", "second", True))
        ok.headers_to_remove.append("authorization")
        ok.response_headers_to_add.append(option("x-checked", "yes"))
        query = ok.query_parameters_to_set.add()
        query.key, query.value = "tenant", "a b"
        ok.query_parameters_to_remove.append("token")
        response.dynamic_metadata.update({"sub": "u-1", "groups": ["staff"]})
        return response


def main():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Authorization(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    main()
