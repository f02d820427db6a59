//! Every field of every route, missing, null, of another type, empty, too long, odd, hostile: refused by name, nothing
//! written. The tables are in the modules below; here is how they are tried.

mod body_fields;
mod query_parameters;
mod refused_values;
mod whole_bodies;

use crate::support::{client::Client, database::Database};
use serde_json::Value;
use std::future::Future;

/// A value, and the code of its refusal.
type Refused = (Value, &'static str);

/// What is no text: for fields that must be one.
fn no_text() -> Vec<Refused> {
    [
        serde_json::json!(1),
        true.into(),
        serde_json::json!([]),
        serde_json::json!(["a"]),
        serde_json::json!({}),
    ]
    .map(|value| (value, "wrong_type"))
    .to_vec()
}

/// The texts, each refused with `code`.
fn refused(code: &'static str, texts: &[&str]) -> Vec<Refused> {
    texts.iter().map(|text| ((*text).into(), code)).collect()
}

/// One field of a body: `field` as a JSON pointer, tried with each of `values` in an otherwise good `body`.
async fn try_field(client: &Client, path: &str, body: &Value, field: &str, values: Vec<Refused>) {
    for (value, code) in values {
        let mut body = body.clone();
        put(&mut body, field, Some(value));
        client
            .with_new_address()
            .post(path, &body)
            .await
            .expect_invalid_fields(&[(field, code)]);
    }
}

/// A field without which the body means nothing.
async fn try_required(client: &Client, path: &str, body: &Value, field: &str) {
    for absent in [None, Some(Value::Null)] {
        let mut body = body.clone();
        put(&mut body, field, absent);
        client
            .with_new_address()
            .post(path, &body)
            .await
            .expect_invalid_fields(&[(field, "required")]);
    }
}

/// Replaces, adds or removes the member that `pointer` names.
fn put(body: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

/// Runs `attempts`, none of which may write anything.
async fn writing_nothing(attempts: impl Future<Output = ()>) {
    let database = Database::open().await;
    let before = database.row_counts().await;
    attempts.await;
    assert_eq!(database.row_counts().await, before);
}
