//! The approval page: plain HTML with one form and no script.

use super::{Order, OrderStatus};
use crate::paypal::{money::Money, parties::PAYER_ID};
use jiff::Timestamp;
use std::fmt::Write as _;

#[derive(Debug, Eq, PartialEq)]
pub(in crate::paypal) enum Page {
    /// There is no such order.
    Unknown,
    /// The HTML of an order that can be approved.
    Form(String),
    Expired,
    /// With the shop's return address.
    Approved(Option<String>),
}

pub(in crate::paypal) fn of(order: Option<&Order>, now: Timestamp) -> Page {
    let Some(order) = order else {
        return Page::Unknown;
    };
    match order.status {
        OrderStatus::Approved | OrderStatus::Completed => Page::Approved(return_address(order)),
        OrderStatus::Created | OrderStatus::PayerActionRequired if order.is_expired(now) => {
            Page::Expired
        }
        OrderStatus::Created | OrderStatus::PayerActionRequired => Page::Form(approval_form(order)),
    }
}

impl Page {
    pub(in crate::paypal) const fn status(&self) -> http::StatusCode {
        match self {
            Self::Unknown => http::StatusCode::NOT_FOUND,
            Self::Expired => http::StatusCode::GONE,
            Self::Form(_) | Self::Approved(_) => http::StatusCode::OK,
        }
    }

    pub(in crate::paypal) fn html(&self) -> String {
        match self {
            Self::Unknown => document("Not found", "<p>There is no such order.</p>"),
            Self::Expired => document("Expired", "<p>This order has expired.</p>"),
            Self::Form(content) => document("Approve the payment", content),
            Self::Approved(address) => {
                let return_link = address.as_ref().map_or_else(String::new, |address| {
                    format!(
                        "<p><a href=\"{}\">Go back to the shop</a></p>",
                        escape(address)
                    )
                });
                document(
                    "Approved",
                    &format!("<p>The payment is approved.</p>{return_link}"),
                )
            }
        }
    }
}

fn approval_form(order: &Order) -> String {
    let mut content = String::new();
    let shop = order.experience.brand_name.as_deref().unwrap_or("The shop");
    let _ = write!(content, "<p>{} asks for your approval of</p>", escape(shop));
    content.push_str("<ul>");
    for unit in &order.units {
        let Money { currency, .. } = &unit.amount;
        let label = unit.text("description").unwrap_or(&unit.reference_id);
        let _ = write!(
            content,
            "<li><strong>{} {}</strong> for {}</li>",
            escape(&unit.amount.text()),
            escape(currency),
            escape(label)
        );
    }
    let _ = write!(
        content,
        "</ul><form method=\"post\" action=\"/checkoutnow?token={}\"><button type=\"submit\">Approve</button></form>",
        escape(&order.id)
    );
    if let Some(address) = order
        .experience
        .cancel_url
        .as_deref()
        .and_then(|address| with_token(address, order))
    {
        let _ = write!(
            content,
            "<p><a href=\"{}\">Cancel</a></p>",
            escape(&address)
        );
    }
    content
}

/// The shop's `return_url` with the order and the payer.
pub(in crate::paypal) fn return_address(order: &Order) -> Option<String> {
    let mut url =
        url::Url::parse(&with_token(order.experience.return_url.as_deref()?, order)?).ok()?;
    url.query_pairs_mut().append_pair("PayerID", PAYER_ID);
    Some(url.into())
}

fn with_token(address: &str, order: &Order) -> Option<String> {
    let mut url = url::Url::parse(address).ok()?;
    url.query_pairs_mut().append_pair("token", &order.id);
    Some(url.into())
}

fn document(title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} - PayPal simulator</title>\
         <style>body{{font:1.1rem system-ui;margin:3rem auto;max-width:32rem;padding:0 1rem}}button{{font:inherit;padding:.6rem 2rem}}</style>\
         </head><body><main><h1>{title}</h1>{content}<p><small>A simulator on this machine. No money moves.</small></p></main></body></html>\n"
    )
}

/// Safe in HTML text and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
