//! What the sample services know and answer.
//! Nothing is kept: whoever changes something finds it unchanged the next time.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::problem;

/// Every service with its pages.
pub(super) fn all() -> Vec<(&'static str, Router)> {
    vec![
        ("users", users()),
        ("orders", orders()),
        ("payments", payments()),
        ("notifications", notifications()),
        ("products", products()),
    ]
}

fn users() -> Router {
    let people = json!([
        { "id": 7, "name": "Ada Lovelace", "email": "ada@shop.example", "tier": "premium", "created_at": "2024-12-10T09:30:00Z" },
        { "id": 8, "name": "Grace Hopper", "email": "grace@shop.example", "tier": "basic", "created_at": "2025-03-02T14:05:00Z" },
        { "id": 9, "name": "Alan Turing", "email": "alan@shop.example", "tier": "free", "created_at": "2025-06-23T08:00:00Z" },
    ]);
    shelf("users", people)
}

fn orders() -> Router {
    let sold = json!([
        { "id": 1001, "user_id": 7, "status": "shipped", "total": "59.80", "currency": "EUR",
          "items": [{ "product_id": 42, "quantity": 2, "price": "29.90" }], "placed_at": "2026-11-02T10:15:00Z" },
        { "id": 1002, "user_id": 7, "status": "paid", "total": "12.50", "currency": "EUR",
          "items": [{ "product_id": 43, "quantity": 1, "price": "12.50" }], "placed_at": "2026-11-14T18:40:00Z" },
    ]);
    shelf("orders", sold)
}

fn payments() -> Router {
    let paid = json!([
        { "id": 501, "order_id": 1001, "amount": "59.80", "currency": "EUR", "method": "card", "status": "captured" },
    ]);
    shelf("payments", paid)
}

fn notifications() -> Router {
    let sent = json!([
        { "id": 1, "user_id": 7, "text": "Your order 1001 is on its way", "read": false },
        { "id": 2, "user_id": 7, "text": "New in the shop: teapots", "read": true },
    ]);
    shelf("notifications", sent)
}

fn products() -> Router {
    let sold = json!([
        { "id": 42, "name": "Teapot", "price": "29.90", "currency": "EUR", "stock": 12,
          "image_url_small": "https://images.shop.example/42-s.jpg",
          "all_images": ["https://images.shop.example/42-1.jpg", "https://images.shop.example/42-2.jpg"],
          "specs": { "volume": "1.2 l", "material": "cast iron" } },
        { "id": 43, "name": "Tea, 100 g", "price": "12.50", "currency": "EUR", "stock": 240,
          "image_url_small": "https://images.shop.example/43-s.jpg",
          "all_images": ["https://images.shop.example/43-1.jpg"],
          "specs": { "origin": "Darjeeling", "harvest": "first flush" } },
    ]);
    shelf("products", sold)
}

/// `/NAME` lists and adds, `/NAME/ID` shows, replaces and removes. Nothing is kept: every caller finds the same.
fn shelf(name: &'static str, things: Value) -> Router {
    let (listed, shown, replaced) = (things.clone(), things.clone(), things.clone());
    let list =
        get(async move || Json(json!({ name: listed }))).post(async move |body: String| created(name, &body));
    let one = get(async move |Path(id): Path<String>| found(&shown, &id))
        .put(async move |Path(id): Path<String>, body: String| changed(&replaced, &id, &body))
        .delete(async move |Path(id): Path<String>| match thing(&things, &id) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => nothing(),
        });
    Router::new().route(&format!("/{name}"), list).route(&format!("/{name}/{{id}}"), one)
}

fn thing<'t>(things: &'t Value, id: &str) -> Option<&'t Value> {
    things.as_array()?.iter().find(|thing| id.parse::<i64>().is_ok_and(|id| thing["id"] == id))
}

fn found(things: &Value, id: &str) -> Response {
    thing(things, id).map_or_else(nothing, |thing| Json(thing).into_response())
}

fn changed(things: &Value, id: &str, body: &str) -> Response {
    let (Some(thing), Ok(Value::Object(new))) = (thing(things, id), serde_json::from_str(body)) else {
        return found(things, id);
    };
    let mut changed = thing.clone();
    for (field, value) in new.into_iter().filter(|(field, _)| field != "id") {
        changed[field] = value;
    }
    Json(changed).into_response()
}

fn created(name: &str, body: &str) -> Response {
    let new = serde_json::from_str(body).unwrap_or(Value::Null);
    let location = [(header::LOCATION, format!("/{name}/2001"))];
    (StatusCode::CREATED, location, Json(json!({ "id": 2001, "received": new }))).into_response()
}

fn nothing() -> Response {
    problem(StatusCode::NOT_FOUND, "there is nothing with this id")
}
