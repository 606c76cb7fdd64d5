"""A client of HTTP/3, on aioquic: `h3_client.py PORT CA HOST REQUESTS`, whose answers are printed as JSON.

REQUESTS is JSON: {"requests": [{"method", "host", "path", "headers", "body", "size", "trailers", "save", "give_up",
"raw", "reset", "frames", "raw_body", "say_interim", "moves"}, ...],
"together", "early", "half_open": NUMBER, "certificate": [FILE, FILE], "say", "until_closed"}. All but the requests may be left out.

- `size` is a body of so many bytes; `save` names a file for the body of the answer.
- `give_up` gives a request up as soon as the head of its answer is there, `reset` as soon as its own head is sent.
- `frames` is the size of its frames; `raw_body` is what follows its head, in hexadecimal, and the end.
- `say_interim` prints a line for each interim answer when it is there.
- `moves` sends it from another address.
- `together` sends all before any answer is read.
- `raw` is what is sent on the stream instead, in hexadecimal; the body follows.
- `half_open` begins so many connections before, and never goes on with them.
- `abandon` sends the requests, and ends the connection at once.
- `early` makes a connection first for its ticket, and sends the requests in the early data of a second one.
- `say` prints a line when the answers are there, while the connection stays open; `again` waits for a line then, and
  sends the first request once more; `until_closed` waits for the gateway to end the connection.
"""

import asyncio
import json
import socket
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, StopSendingReceived, StreamReset


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.answers = {}
        self.waiting = {}
        self.ended = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            if not self.ended.done():
                self.ended.set_result(event.error_code)
            for stream in list(self.waiting):
                self.finish(stream, closed=event.error_code)
        elif isinstance(event, StreamReset):
            self.finish(event.stream_id, reset=event.error_code)
        elif isinstance(event, StopSendingReceived) and event.stream_id in self.answers:
            self.answers[event.stream_id]["stopped"] = event.error_code
        for http in self.http.handle_event(event):
            self.http_event_received(http)

    def http_event_received(self, event):
        answer = self.answers.get(event.stream_id)
        if answer is None:
            return
        if isinstance(event, HeadersReceived):
            fields = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
            status = dict(fields).get(":status")
            if status is None:
                answer["trailers"] = dict(fields)
            elif status.startswith("1"):
                answer.setdefault("interim", []).append(int(status))
                if answer["say_interim"]:
                    print(json.dumps({"interim": int(status)}), flush=True)
            else:
                answer["status"] = int(status)
                answer["headers"] = {name: value for name, value in fields if not name.startswith(":")}
                if answer["give_up"]:
                    self._quic.stop_stream(event.stream_id, ErrorCode.H3_REQUEST_CANCELLED)
                    self.finish(event.stream_id, given_up=True)
                    self.transmit()
        elif isinstance(event, DataReceived):
            answer["bytes"] += event.data
        if event.stream_ended:
            self.finish(event.stream_id)

    def finish(self, stream, **how):
        waiting = self.waiting.pop(stream, None)
        if waiting is None:
            return
        answer = self.answers[stream]
        answer.update(how)
        data = bytes(answer.pop("bytes"))
        answer["length"] = len(data)
        if save := answer.pop("save", None):
            with open(save, "wb") as file:
                file.write(data)
        else:
            answer["body"] = data.decode("latin-1")
        waiting.set_result(answer)

    def send(self, host, request):
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = {"bytes": bytearray()}
        self.answers[stream].update({key: request.get(key) for key in ("save", "give_up", "say_interim")})
        self.waiting[stream] = asyncio.get_running_loop().create_future()
        body = b"x" * request["size"] if "size" in request else request.get("body", "").encode()
        trailers = request.get("trailers")
        head = [
            (b":method", request.get("method", "GET").encode()),
            (b":scheme", b"https"),
            (b":authority", request.get("host", host).encode()),
            (b":path", request.get("path", "/").encode()),
        ]
        head += [(name.encode(), value.encode()) for name, value in request.get("headers", {}).items()]
        ends = not body and not trailers and not {"reset", "raw_body"} & set(request)
        future = self.waiting[stream]
        if raw := request.get("raw"):
            self._quic.send_stream_data(stream, bytes.fromhex(raw) + body)
            self.transmit()
            return future
        self.http.send_headers(stream, head, end_stream=ends)
        if "reset" in request:
            self._quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            self.finish(stream, given_up=True)
        if raw_body := request.get("raw_body"):
            self._quic.send_stream_data(stream, bytes.fromhex(raw_body), end_stream=True)
        size = request.get("frames", len(body)) or 1
        for at in range(0, len(body), size):
            self.http.send_data(stream, body[at:at + size], end_stream=not trailers and at + size >= len(body))
        if trailers:
            self.http.send_headers(stream, [(n.encode(), v.encode()) for n, v in trailers.items()], end_stream=True)
        self.transmit()
        return future


async def main():
    port, ca, host, plan = int(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
    tickets = []

    def configuration():
        settings = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=host)
        settings.load_verify_locations(ca)
        if "certificate" in plan:
            settings.load_cert_chain(*plan["certificate"])
        settings.idle_timeout = 20
        if tickets:
            settings.session_ticket = tickets[-1]
        return settings

    told = {}
    loop = asyncio.get_running_loop()
    strangers = []
    for _ in range(plan.get("half_open", 0)):
        stranger = QuicConnection(configuration=configuration())
        stranger.connect(("127.0.0.1", port), now=loop.time())
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
        for datagram, _ in stranger.datagrams_to_send(now=loop.time()):
            transport.sendto(datagram)
        strangers.append(transport)
    if plan.get("early"):
        waits = asyncio.get_running_loop().create_future()

        def keep(ticket):
            tickets.append(ticket)
            if not waits.done():
                waits.set_result(None)

        async with connect("127.0.0.1", port, configuration=configuration(), create_protocol=Client,
                           session_ticket_handler=keep):
            await asyncio.wait_for(waits, 10)
        told["ticket"] = tickets[-1].max_early_data_size
    async with connect("127.0.0.1", port, configuration=configuration(), create_protocol=Client,
                       wait_connected=not plan.get("early")) as client:
        answers = []
        if plan.get("together") or plan.get("early"):
            sent = [client.send(host, request) for request in plan["requests"]]
            if plan.get("abandon"):
                client._quic.close()
                client.transmit()
            answers = [await asyncio.wait_for(answer, 20) for answer in sent]
        else:
            for request in plan["requests"]:
                if request.get("moves"):
                    # The old socket is left open: nobody answers there any more.
                    other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                    other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    other.bind(("::ffff:127.0.0.2", 0))
                    await loop.create_datagram_endpoint(lambda: client, sock=other)
                answers.append(await asyncio.wait_for(client.send(host, request), 20))
                if request.get("reset"):
                    # Until the gateway has seen it: it limits how many there may be at once.
                    try:
                        await client.ping()
                    except ConnectionError:
                        break
        told["answers"] = answers
        told["retried"] = client._quic._retry_source_connection_id is not None
        if plan.get("early"):
            told["early_accepted"] = client._quic.tls.early_data_accepted
        if plan.get("say"):
            # Tells who waits for it that the answers are there, and the connection is open.
            print(json.dumps(told), flush=True)
        if plan.get("again"):
            await loop.run_in_executor(None, sys.stdin.readline)
            told["again"] = await asyncio.wait_for(client.send(host, plan["requests"][0]), 20)
            print(json.dumps(told), flush=True)
        if plan.get("until_closed"):
            told["closed"] = await asyncio.wait_for(client.ended, 20)
    print(json.dumps(told), flush=True)


def explain(error):
    return {"error": f"{type(error).__name__}: {error}"}


try:
    asyncio.run(main())
except (ConnectionError, ssl.SSLError, asyncio.TimeoutError) as error:
    print(json.dumps(explain(error)))
