//! Invalid values of every field of every route: missing, null, of another type, empty, too long,
//! odd or hostile. Each is refused by name, and nothing is written.

mod body_fields;
mod query_parameters;
mod refused_values;
mod whole_bodies;

use crate::support::{client::Client, database::Database};
use serde_json::Value;
use std::future::Future;

/// A value, and the error code of its field.
type InvalidValue = (Value, &'static str);

/// Values of another type, for fields that must be strings.
fn other_types() -> Vec<InvalidValue> {
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

/// Strings that are invalid with the same `code`.
fn invalid_texts(code: &'static str, texts: &[&str]) -> Vec<InvalidValue> {
    texts.iter().map(|text| ((*text).into(), code)).collect()
}

/// Tries each of `values` for one field of a valid `body`. `field` is a JSON pointer.
async fn try_field(
    client: &Client,
    path: &str,
    body: &Value,
    field: &str,
    values: Vec<InvalidValue>,
) {
    for (value, code) in values {
        let mut body = body.clone();
        set_member(&mut body, field, Some(value));
        client
            .with_new_address()
            .post(path, &body)
            .await
            .expect_invalid_fields(&[(field, code)]);
    }
}

/// Tries a valid `body` without a required field, and with null for it.
async fn try_required(client: &Client, path: &str, body: &Value, field: &str) {
    for absent in [None, Some(Value::Null)] {
        let mut body = body.clone();
        set_member(&mut body, field, absent);
        client
            .with_new_address()
            .post(path, &body)
            .await
            .expect_invalid_fields(&[(field, "required")]);
    }
}

/// Sets the member at `pointer`, or removes it.
fn set_member(body: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

/// Runs `attempts`, and asserts that they write nothing.
async fn assert_no_writes(attempts: impl Future<Output = ()>) {
    let database = Database::open().await;
    let before = database.row_counts().await;
    attempts.await;
    assert_eq!(database.row_counts().await, before);
}
