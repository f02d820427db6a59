//! `GET /api/admin/audit`: the audit log of bookings, money and operators, newest first.

use crate::{
    app::App,
    clients::supabase::{AuditEntry, AuditListing},
    domain::{
        rate_limit::Tier,
        refusal::{Refusal, parse_text},
    },
    flows::traffic::admission::admit,
    routes::{access::require_admin, admin::window::page_field, problems::Problem},
    web::{
        csv::{self, Cell},
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};
use http::{HeaderName, HeaderValue, StatusCode};

const COLUMNS: [&str; 8] = [
    "id",
    "occurredAt",
    "actor",
    "action",
    "subjectType",
    "subjectId",
    "requestId",
    "detail",
];

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let listing = read(&request.query)?;

    let page = app.database(request.deadline).list_audit(&listing).await?;
    if !csv::wants_csv(&request.headers) {
        return Ok(Reply::json(StatusCode::OK, &page));
    }
    let table = csv::table(&COLUMNS, page.entries.iter().map(cells));
    let reply = csv::reply(request, table, page.next.as_deref());
    Ok(match HeaderValue::try_from(page.kept_since.to_string()) {
        Ok(since) => reply.with_header(HeaderName::from_static("x-kept-since"), since),
        Err(_) => reply,
    })
}

fn cells(entry: &AuditEntry) -> Vec<Cell> {
    vec![
        Cell::number(&entry.id),
        Cell::text(&entry.occurred_at),
        Cell::text(&entry.actor),
        Cell::text(&entry.action),
        Cell::text(&entry.subject_type),
        Cell::text(&entry.subject_id),
        Cell::optional_text(entry.request_id.as_ref()),
        Cell::text(entry.detail.get()),
    ]
}

fn read(query: &str) -> Result<AuditListing, FieldErrors> {
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 200");
    const AFTER: Refusal = Refusal::new("invalid_cursor", "must be the next of an earlier page");
    let mut fields = Fields::from_query(query);
    let text = |text: &str| parse_text(text, 255);
    let after = fields.optional("after", |text| {
        let id = text.parse().ok().filter(|id: &i64| *id > 0);
        id.ok_or(AFTER)
    });
    let listing = AuditListing {
        page: page_field(&mut fields, after.is_some()),
        limit: fields
            .optional_integer("limit", 1, 200, LIMIT)
            .unwrap_or(50),
        subject: fields.optional("subject", text),
        action: fields.optional("action", text),
        actor: fields.optional("actor", text),
        request_id: fields.optional("requestId", text),
        after,
    };
    fields.finish(listing)
}
