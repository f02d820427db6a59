//! Translates `POST /rpc/FUNCTION` into SQL, and PostgreSQL's errors into PostgREST's responses.
//!
//! Sources: <https://docs.postgrest.org/en/stable/references/api/functions.html>,
//! <https://docs.postgrest.org/en/stable/references/errors.html>

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The functions of the schema `public`, by name.
pub(super) struct Functions(BTreeMap<String, Function>);

pub(super) struct Function {
    name: String,
    only_reads: bool,
    /// Types by name.
    arguments: BTreeMap<String, String>,
}

impl Functions {
    pub(super) async fn read(admin: &Client) -> Self {
        let sql = "
            SELECT p.proname::text, p.provolatile <> 'v', a.name, pg_catalog.format_type(a.type, NULL)
            FROM pg_catalog.pg_proc AS p
            LEFT JOIN LATERAL unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY AS a (name, type, place)
                ON a.place <= p.pronargs
            WHERE p.pronamespace = 'public'::regnamespace AND NOT p.proretset
            ORDER BY 1, a.place";
        let mut functions = BTreeMap::new();
        for row in admin.query(sql, &[]).await.unwrap() {
            let name: String = row.get(0);
            let function = functions.entry(name.clone()).or_insert_with(|| Function {
                name,
                only_reads: row.get(1),
                arguments: BTreeMap::new(),
            });
            if let Some(argument) = row.get(2) {
                function.arguments.insert(argument, row.get(3));
            }
        }
        Self(functions)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }
}

impl Function {
    pub(super) fn only_reads(&self) -> bool {
        self.only_reads
    }

    /// The statement that calls the function. Its only parameter is the body. `None` for unknown
    /// arguments.
    pub(super) fn call_sql(&self, arguments: &Value) -> Option<String> {
        let mut parameters = Vec::new();
        for name in arguments.as_object()?.keys() {
            parameters.push((name, self.arguments.get(name)?));
        }
        let columns: Vec<String> = parameters
            .iter()
            .map(|(name, kind)| format!("\"{name}\" {kind}"))
            .collect();
        let values: Vec<String> = parameters
            .iter()
            .map(|(name, _)| format!("\"{name}\" => body.\"{name}\""))
            .collect();
        let source = if columns.is_empty() {
            "(SELECT $1::text) AS body".to_owned()
        } else {
            format!(
                "json_to_record($1::text::json) AS body ({})",
                columns.join(", ")
            )
        };
        Some(format!(
            "SELECT coalesce(to_jsonb(call.result), 'null')::text FROM {source}, \
             LATERAL (SELECT public.{}({}) AS result) AS call",
            self.name,
            values.join(", ")
        ))
    }
}

/// PostgREST's response to an error.
pub(super) fn error_response(error: &tokio_postgres::Error) -> Response<Bytes> {
    let Some(database) = error.as_db_error() else {
        panic!("the connection to the database failed: {error:?}");
    };
    let code = database.code().code();
    let body = json!({
        "code": code,
        "message": database.message(),
        "details": database.detail(),
        "hint": database.hint(),
    });
    super::json(status(code), body.to_string())
}

fn status(code: &str) -> u16 {
    if let Some(status) = code.strip_prefix("PT") {
        return status.parse().unwrap_or(500);
    }
    match code {
        "23503" | "23505" => 409,
        "25006" => 405,
        "42501" => 403,
        "42883" | "42P01" => 404,
        "P0001" => 400,
        _ => match &code[..2] {
            "08" | "53" => 503,
            "0L" | "0P" => 403,
            "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "54" | "55" | "57" | "58" | "F0"
            | "HV" | "P0" | "XX" => 500,
            _ => 400,
        },
    }
}
