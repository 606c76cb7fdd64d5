// gRPC-Web's own library as a client: `URL FORMAT` calls the service of `grpc_peer.py` in the format `binary` or `text`, and prints
// what came. Messages are plain bytes, so that nothing has to be generated.

"use strict";

// What a browser brings along.
globalThis.XMLHttpRequest = require("xhr2");
const { GrpcWebClientBase, MethodDescriptor, MethodType } = require("grpc-web");

const [url, format] = process.argv.slice(2);
// The library takes binary to be bytes of either type.
const read = (bytes) => Buffer.from(bytes).toString();
const method = (name, type) =>
  new MethodDescriptor(`/peer.Echo/${name}`, type, Object, Object, (text) => new Uint8Array(Buffer.from(text)), read);
const client = new GrpcWebClientBase({ format });

const unary = (name, text) =>
  new Promise((resolve) => {
    const told = {};
    const call = client.rpcCall(url + "/peer.Echo/" + name, text, { "x-own": "o" }, method(name, MethodType.UNARY), (error, answer) => {
      Object.assign(told, error ? { code: error.code, message: error.message } : { answer });
      // The status is told behind it.
      setImmediate(() => resolve(told));
    });
    call.on("metadata", (fields) => (told.seen = fields["x-seen"]));
    call.on("status", (status) => (told.status = [status.code, (status.metadata || {})["x-trail"]]));
  });

const stream = (name, text) =>
  new Promise((resolve) => {
    const told = { messages: [] };
    const call = client.serverStreaming(url + "/peer.Echo/" + name, text, {}, method(name, MethodType.SERVER_STREAMING));
    call.on("data", (message) => told.messages.push(message));
    call.on("status", (status) => (told.status = status.code));
    call.on("error", (error) => resolve({ ...told, code: error.code }));
    call.on("end", () => resolve(told));
  });

(async () => {
  const told = {
    unary: await unary("Unary", "hello"),
    large: (await unary("Unary", "x".repeat(100000))).answer.length,
    fail: await unary("Fail", ""),
    unknown: (await unary("None", "")).code,
  };
  // Streams come in text only: the library has no other way in browsers.
  if (format === "text") told.stream = await stream("ServerStream", "3");
  console.log(JSON.stringify(told));
})();
