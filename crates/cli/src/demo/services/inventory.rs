//! The sample service that speaks gRPC: what is in stock. Its calls and messages are those of `examples/protos/inventory.proto`.
//! Nothing is kept: every caller finds the same.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::channel::Channel;
use maitred_grpc::{Code, FrameReader, GRPC_CONTENT_TYPE, Status, push_frame};
use maitred_http::Fields;
use prost::Message;
use prost_types::Timestamp;

/// Bytes that a message to the service may have.
const MAX_MESSAGE: usize = 1 << 16;
/// How long the stock stays the same while somebody watches it.
const BETWEEN_CHANGES: Duration = Duration::from_millis(500);

#[derive(Clone, PartialEq, Message)]
struct GetRequest {
    #[prost(string, tag = "1")]
    sku: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReserveRequest {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(int64, tag = "2")]
    count: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(int64, tag = "2")]
    in_stock: i64,
    #[prost(message, optional, tag = "3")]
    counted_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Reservation {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    item: Option<Item>,
}

/// The service.
pub(super) fn router() -> Router {
    Router::new()
        .route("/shop.v1.Inventory/Get", post(async |body: Bytes| answer(show(&body))))
        .route("/shop.v1.Inventory/Reserve", post(async |body: Bytes| answer(reserve(&body))))
        .route("/shop.v1.Inventory/Watch", post(async |body: Bytes| answer(watch(&body))))
        .fallback(async || refused(&Status::new(Code::Unimplemented, "the service has no such call")))
}

fn show(body: &[u8]) -> Result<Vec<Item>, Status> {
    Ok(vec![item(&message::<GetRequest>(body)?.sku)?])
}

fn reserve(body: &[u8]) -> Result<Vec<Reservation>, Status> {
    let ReserveRequest { sku, count } = message(body)?;
    let mut item = item(&sku)?;
    if count < 1 {
        return Err(Status::new(Code::InvalidArgument, "count is at least 1"));
    }
    if count > item.in_stock {
        let left = format!("only {} of {sku} are left", item.in_stock);
        return Err(Status::new(Code::FailedPrecondition, left));
    }
    item.in_stock -= count;
    Ok(vec![Reservation { id: "R-2001".to_owned(), item: Some(item) }])
}

/// Three are sold while somebody looks.
fn watch(body: &[u8]) -> Result<Vec<Item>, Status> {
    let now = item(&message::<GetRequest>(body)?.sku)?;
    Ok((0..4).map(|sold| Item { in_stock: now.in_stock - sold, ..now.clone() }).collect())
}

fn item(sku: &str) -> Result<Item, Status> {
    let in_stock = match sku {
        "teapot" => 12,
        "tea-100g" => 240,
        _ => return Err(Status::new(Code::NotFound, format!("there is no {sku}"))),
    };
    // 2026-11-20 18:00 UTC.
    let counted_at = Some(Timestamp { seconds: 1_795_197_600, nanos: 0 });
    Ok(Item { sku: sku.to_owned(), in_stock, counted_at })
}

/// The only message of a request.
fn message<M: Message + Default>(mut body: &[u8]) -> Result<M, Status> {
    let malformed = || Status::new(Code::InvalidArgument, "the request is no message");
    let framed = FrameReader::new(MAX_MESSAGE).take(&mut body);
    let framed = framed.map_err(|error| Status::new(error.code(), error.to_string()))?;
    M::decode(framed.ok_or_else(malformed)?.as_slice()).map_err(|_| malformed())
}

/// Messages, one after the other, and a status behind them.
fn answer<M: Message + 'static>(answered: Result<Vec<M>, Status>) -> Response {
    let messages = match answered {
        Ok(messages) => messages,
        Err(status) => return refused(&status),
    };
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        for (number, message) in messages.iter().enumerate() {
            if number > 0 {
                tokio::time::sleep(BETWEEN_CHANGES).await;
            }
            let mut frame = Vec::new();
            let framed = push_frame(&mut frame, &message.encode_to_vec());
            if framed.is_err() || sender.send_data(frame.into()).await.is_err() {
                // Nobody listens any more.
                return;
            }
        }
        let mut trailers = Fields::default();
        Status::new(Code::Ok, "").append_to(&mut trailers);
        // The same.
        let _ = sender.send_trailers(headers(&trailers)).await;
    });
    ([("content-type", GRPC_CONTENT_TYPE)], Body::new(body)).into_response()
}

/// A status without messages.
fn refused(status: &Status) -> Response {
    headers(&status.trailers_only(GRPC_CONTENT_TYPE).fields).into_response()
}

fn headers(fields: &Fields) -> HeaderMap {
    let parsed = fields.iter().map(|(name, value)| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    parsed.flatten().collect()
}
