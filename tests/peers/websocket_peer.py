"""WebSocket peers that are libraries of Python.

`serve LIBRARY` is a service that sends back what it gets: `websockets`, or `hypercorn` (which speaks with wsproto). It prints its port.
`chat LIBRARY PORT [CA]` is a client: `websockets` over HTTP/1.1, or `h2` (RFC 8441, with wsproto) over HTTP/2; over TLS to `shop.test`
where CA is its authority. Each line of its input is a message, each line of its output what came back; the end of the input closes."""

import asyncio
import socket
import ssl
import sys


def serve(library):
    {"websockets": serve_websockets, "hypercorn": serve_hypercorn}[library]()


def serve_websockets():
    from websockets.sync.server import serve as listen

    def echo(connection):
        for message in connection:
            connection.send(message)

    with listen(echo, "127.0.0.1", 0) as server:
        print(server.socket.getsockname()[1], flush=True)
        server.serve_forever()


def serve_hypercorn():
    import hypercorn.asyncio
    import hypercorn.config

    async def application(scope, receive, send):
        if scope["type"] != "websocket":
            return
        while (event := await receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = hypercorn.config.Config()
    config.loglevel = "ERROR"
    config.bind = [f"fd://{listening.fileno()}"]
    asyncio.run(hypercorn.asyncio.serve(application, config))


def chat(library, port, authority=None):
    tls = ssl.create_default_context(cafile=authority) if authority else None
    socket_ = socket.create_connection(("127.0.0.1", int(port)), timeout=20)
    client = {"websockets": OverHttp1, "h2": OverHttp2}[library](socket_, port, tls)
    print("open", flush=True)
    for line in sys.stdin:
        print(client.exchange(line.rstrip("\n")), flush=True)
    print("closed", client.close(), flush=True)


class OverHttp1:
    """Not the library's client with threads: over TLS that hangs now and then, whatever the server."""

    def __init__(self, socket_, port, tls):
        from websockets.asyncio.client import connect

        secured = {"ssl": tls, "server_hostname": "shop.test"} if tls else {}
        url = f"{'wss' if tls else 'ws'}://shop.test:{port}/chat"
        socket_.setblocking(False)
        self.loop = asyncio.new_event_loop()
        # It ends with the process.
        self.connection = self.run(connect(url, sock=socket_, max_size=None, ping_interval=None, **secured).__aenter__())

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def exchange(self, text):
        self.run(self.connection.send(text))
        return self.run(self.connection.recv())

    def close(self):
        self.run(self.connection.close())
        return self.connection.close_code


class OverHttp2:
    def __init__(self, socket_, port, tls):
        import h2.config
        import h2.connection
        import h2.events
        import h2.settings
        import wsproto.connection

        self.events, self.has_ended = h2.events, False
        if tls:
            tls.set_alpn_protocols(["h2"])
            socket_ = tls.wrap_socket(socket_, server_hostname="shop.test")
            assert socket_.selected_alpn_protocol() == "h2"
        self.socket = socket_
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.http2.initiate_connection()
        settings = self.wait_for(h2.events.RemoteSettingsChanged).changed_settings
        assert settings[h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL].new_value == 1
        self.stream = self.http2.get_next_available_stream_id()
        self.http2.send_headers(self.stream, [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https" if tls else "http"),
            (":authority", f"shop.test:{port}"),
            (":path", "/chat"),
            ("sec-websocket-version", "13"),
        ])
        answer = dict(self.wait_for(h2.events.ResponseReceived).headers)
        assert answer[":status"] == "200", answer
        self.websocket = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT)

    def flush(self):
        self.socket.sendall(self.http2.data_to_send())

    def wait_for(self, kind):
        """Reads until an event of this kind, and tells the WebSocket of all data before it."""
        self.flush()
        while True:
            came = self.socket.recv(65536)
            assert came, "the connection has ended"
            found = None
            for event in self.http2.receive_data(came):
                assert not isinstance(event, self.events.StreamReset), event
                if isinstance(event, self.events.DataReceived):
                    self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if event.data:
                        self.websocket.receive_data(event.data)
                self.has_ended |= isinstance(event, self.events.StreamEnded)
                found = found or (event if isinstance(event, kind) else None)
            self.flush()
            if found:
                return found

    def say(self, event):
        data = self.websocket.send(event)
        while data:
            # As much as the window allows.
            room = min(self.http2.local_flow_control_window(self.stream), self.http2.max_outbound_frame_size)
            if room == 0:
                self.wait_for(self.events.WindowUpdated)
                continue
            self.http2.send_data(self.stream, data[:room])
            data = data[room:]
        self.flush()

    def hear(self):
        while True:
            for event in self.websocket.events():
                return event
            self.wait_for(self.events.DataReceived)

    def exchange(self, text):
        import wsproto.events

        self.say(wsproto.events.TextMessage(data=text))
        heard = ""
        while True:
            event = self.hear()
            heard += event.data
            if event.message_finished:
                return heard

    def close(self):
        import wsproto.events

        self.say(wsproto.events.CloseConnection(code=1000))
        code = self.hear().code
        self.http2.end_stream(self.stream)
        self.flush()
        if not self.has_ended:
            self.wait_for(self.events.StreamEnded)
        return code


if __name__ == "__main__":
    {"serve": serve, "chat": chat}[sys.argv[1]](*sys.argv[2:])
