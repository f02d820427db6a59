//! `GET /api/admin/audit`: the audit log of bookings and money, newest first.

use crate::{
    app::App,
    clients::supabase::AuditListing,
    domain::{
        rate_limit::Tier,
        refusal::{Refusal, parse_text},
    },
    flows::traffic::admission::admit,
    routes::{access::require_admin, problems::Problem},
    web::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};
use http::StatusCode;

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Admin).await?;
    require_admin(app, request).await?;
    let listing = read(&request.query)?;

    let page = app.database(request.deadline).list_audit(&listing).await?;
    Ok(Reply::bytes(StatusCode::OK, page))
}

fn read(query: &str) -> Result<AuditListing, FieldErrors> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 200");
    let mut fields = Fields::from_query(query);
    let text = |text: &str| parse_text(text, 255);
    let listing = AuditListing {
        page: fields
            .optional_integer("page", 1, 10_000, PAGE)
            .unwrap_or(1),
        limit: fields
            .optional_integer("limit", 1, 200, LIMIT)
            .unwrap_or(50),
        subject: fields.optional("subject", text),
        action: fields.optional("action", text),
        actor: fields.optional("actor", text),
    };
    fields.finish(listing)
}
