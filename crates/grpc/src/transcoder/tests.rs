//! Requests, answers and annotations of a small library, and of public interfaces.

use prost::Message as _;
use prost_reflect::DynamicMessage;

use super::*;
use crate::code::Code;
use crate::json::Printer;
use crate::status::Status;

mod compile;
mod public_apis;
mod requests;
mod responses;

const SOURCE: &str = r#"
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Color { NONE = 0; RED = 1; }
message Author { string name = 1; Color color = 2; oneof kind { string pen = 3; int32 born = 4; } }
message Book {
  string name = 1; Author author = 2; int64 pages = 3; repeated string tags = 4; repeated Color colors = 5;
  google.protobuf.Timestamp at = 6; google.protobuf.FieldMask mask = 7; google.protobuf.Int32Value stars = 8;
  map<string, string> labels = 9; repeated Author others = 10; bytes cover = 11; bool fresh = 12; double price = 13;
  oneof place { string shelf = 14; string store = 15; Author keeper = 16; }
  repeated int32 numbers = 17;
}
message Books { repeated Book books = 1; int32 total = 2; Book best = 3; map<string, int32> counts = 4; string page = 5; }
service Library {
  rpc Get(Book) returns (Book) { option (google.api.http) = {
    get: "/v1/{name=shelves/*/books/*}"
    additional_bindings { get: "/v1/books/{name}" }
    additional_bindings { get: "/v1/authors/{author.name}/books/{pages}" }
    additional_bindings { custom { kind: "REPORT" path: "/v1/{name=**}" } }
    additional_bindings { get: "/v1/at/{at}/{stars}/{author.color}" }
  }; }
  rpc Put(Book) returns (Book) { option (google.api.http) = { put: "/v1/{name=shelves/*/books/*}" body: "*" }; }
  rpc Patch(Book) returns (Book) { option (google.api.http) = { patch: "/v1/{name=shelves/*/books/*}" body: "author" }; }
  rpc Tag(Book) returns (Books) { option (google.api.http) = { post: "/v1/{name=books/*}:tag" body: "tags" response_body: "books" }; }
  rpc Best(Book) returns (Books) { option (google.api.http) = { get: "/v1/best" response_body: "best" }; }
  rpc Total(Book) returns (Books) { option (google.api.http) = { get: "/v1/total" response_body: "total" }; }
  rpc Counts(Book) returns (Books) { option (google.api.http) = { get: "/v1/counts" response_body: "counts" }; }
  rpc Watch(Book) returns (stream Book) { option (google.api.http) = { get: "/v1/watch" }; }
  rpc Upload(stream Book) returns (Books) { option (google.api.http) = { post: "/v1/{shelf}:upload" body: "*" }; }
  rpc Place(stream Book) returns (Books) { option (google.api.http) = { post: "/v1/place" body: "author" }; }
  rpc Empty(stream Book) returns (Books) { option (google.api.http) = { post: "/v1/empty/{shelf}" }; }
  rpc Plain(Book) returns (Books) {}
}
service Second { rpc Get(Book) returns (Book) {} }
"#;

fn load(source: &str) -> Descriptors {
    Descriptors::from_sources(&["t.proto"], |name| match name {
        "t.proto" => Ok(source.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    })
    .unwrap()
}

fn transcoder_with(options: TranscoderOptions) -> Transcoder {
    Transcoder::new(&load(SOURCE), options).unwrap()
}

thread_local! {
    static TRANSCODER: Transcoder = transcoder_with(TranscoderOptions::default());
}

fn transcoder() -> Transcoder {
    TRANSCODER.with(Transcoder::clone)
}

/// The message that a request sends, as JSON.
fn sent(transcoder: &Transcoder, method: Method, target: &str, body: &str) -> Result<String, String> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let binding =
        transcoder.find(method, path).unwrap_or_else(|| panic!("{method} {path} is bound to nothing"));
    let wire =
        transcoder.request(binding, path, query, body.as_bytes()).map_err(|error| error.to_string())?;
    // Other parsers merge what comes in pieces.
    let merged = DynamicMessage::decode(binding.input(), &*wire).unwrap().encode_to_vec();
    assert_eq!(json(binding, &merged), json(binding, &wire));
    Ok(json(binding, &wire))
}

fn json(binding: &Binding, wire: &[u8]) -> String {
    let mut out = Vec::new();
    Printer::new(&JsonOptions::default(), &mut out).message(&binding.input(), wire).unwrap();
    String::from_utf8(out).unwrap()
}
