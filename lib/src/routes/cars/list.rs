//! `GET /api/cars`: a page of the fleet.

use crate::{
    app::App,
    clients::supabase::CarListing,
    domain::{
        dates::{DateRange, parse_date},
        money::Amount,
        refusal::{Refusal, plain_text},
    },
    flows::cache::read::LoadFn,
    instance::cache_key::{CacheKey, CacheKind, Subject},
    routes::{
        cached::cached,
        problems::{Code, Problem},
    },
    web::{
        fields::{FieldErrors, Fields},
        reply::Reply,
        request::Request,
    },
};

const FRESH_SECONDS: u64 = 60;
/// With an availability filter the page changes with every booking.
const FRESH_SECONDS_BY_DATES: u64 = 30;

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    cached(app, request, read(&request.query), cache_key, load)
        .await?
        .ok_or_else(|| Problem::new(Code::Internal))
}

/// What gives the page.
pub(in crate::routes) fn load(listing: CarListing) -> LoadFn {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).list_cars(&listing).await.map(Some) })
    })
}

/// The pages that a visitor sees first, as they are asked for without any filter.
pub(in crate::routes) fn first_pages(pages: u32) -> impl Iterator<Item = CarListing> {
    (1..=pages).filter_map(|page| read(&format!("page={page}")).ok())
}

/// Where the page is kept. The listing as JSON is its canonical text: every field, in one order.
pub(in crate::routes) fn cache_key(listing: &CarListing) -> CacheKey {
    let canonical = serde_json::to_string(listing).unwrap_or_default();
    if listing.available_from.is_some() {
        CacheKey::new(
            CacheKind::Cars,
            &canonical,
            Subject::Fleet,
            FRESH_SECONDS_BY_DATES,
        )
    } else {
        CacheKey::new(
            CacheKind::Cars,
            &canonical,
            Subject::Catalogue,
            FRESH_SECONDS,
        )
    }
}

fn read(query: &str) -> Result<CarListing, FieldErrors> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 50");
    let mut fields = Fields::from_query(query);
    let listing = CarListing {
        page: fields
            .optional_integer("page", 1, 10_000, PAGE)
            .unwrap_or(1),
        limit: fields.optional_integer("limit", 1, 50, LIMIT).unwrap_or(12),
        search: fields
            .optional("search", |text| plain_text(text, 100))
            .map(|text| text.to_lowercase()),
        category: fields
            .optional("category", |text| plain_text(text, 40))
            .map(|text| text.to_lowercase()),
        min_price: fields.optional("minPrice", Amount::parse),
        max_price: fields.optional("maxPrice", Amount::parse),
        features: fields.optional("features", features),
        sort_by: fields.optional("sortBy", sort_by).unwrap_or("featured"),
        sort_order: fields.optional("sortOrder", sort_order).unwrap_or("asc"),
        available_from: fields.optional("availableFrom", parse_date),
        available_to: fields.optional("availableTo", parse_date),
    };
    if let (Some(least), Some(most)) = (listing.min_price, listing.max_price)
        && least > most
    {
        fields.refuse(
            "maxPrice",
            Refusal::new("below_minimum", "must not be below minPrice"),
        );
    }
    match (listing.available_from, listing.available_to) {
        (Some(from), Some(to)) => {
            if let Err(refusal) = DateRange::new(from, to) {
                fields.refuse("availableTo", refusal);
            }
        }
        (Some(_), None) if fields.is_clean() => {
            fields.refuse(
                "availableTo",
                Refusal::new("required", "is required with availableFrom"),
            );
        }
        (None, Some(_)) if fields.is_clean() => {
            fields.refuse(
                "availableFrom",
                Refusal::new("required", "is required with availableTo"),
            );
        }
        _ => {}
    }
    if fields.is_clean() {
        Ok(listing)
    } else {
        Err(fields.refused())
    }
}

/// Up to ten features, in one order, so that `a,b` and `b,a` are one page.
fn features(text: &str) -> Result<Vec<String>, Refusal> {
    let mut features = text
        .split(',')
        .map(|feature| plain_text(feature, 40).map(|feature| feature.to_lowercase()))
        .collect::<Result<Vec<_>, _>>()?;
    features.sort();
    features.dedup();
    if features.len() > 10 {
        return Err(Refusal::new("too_many", "must name at most 10 features"));
    }
    Ok(features)
}

fn sort_by(text: &str) -> Result<&'static str, Refusal> {
    one_of(text, ["featured", "price", "name"]).ok_or(Refusal::new(
        "unknown_value",
        "must be featured, price or name",
    ))
}

fn sort_order(text: &str) -> Result<&'static str, Refusal> {
    one_of(text, ["asc", "desc"]).ok_or(Refusal::new("unknown_value", "must be asc or desc"))
}

fn one_of<const N: usize>(text: &str, values: [&'static str; N]) -> Option<&'static str> {
    values.into_iter().find(|value| *value == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Vec<(String, &'static str)> {
        read(query)
            .unwrap_err()
            .0
            .into_iter()
            .map(|error| (error.pointer, error.code))
            .collect()
    }

    #[test]
    fn equal_pages_share_a_key() {
        let key_of = |query| cache_key(&read(query).unwrap());
        assert_eq!(
            key_of(""),
            key_of("page=1&limit=12&sortBy=featured&utm_source=x")
        );
        assert_eq!(key_of("features=B,a"), key_of("features=a,b,a"));
        assert_eq!(key_of("minPrice=50"), key_of("minPrice=50.00"));
        assert_ne!(key_of("search=a&category=b"), key_of("search=b&category=a"));
        assert_ne!(key_of("page=2"), key_of(""));
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        assert_eq!(
            refused("page=abc&limit=-1&minPrice=x&sortBy=id&availableFrom=2025-02-31&features=,"),
            [
                ("/page".into(), "out_of_range"),
                ("/limit".into(), "out_of_range"),
                ("/minPrice".into(), "invalid_amount"),
                ("/features".into(), "empty"),
                ("/sortBy".into(), "unknown_value"),
                ("/availableFrom".into(), "invalid_date"),
            ]
        );
        assert_eq!(
            refused("limit=1000000"),
            [("/limit".into(), "out_of_range")]
        );
        assert_eq!(
            refused("minPrice=9&maxPrice=8"),
            [("/maxPrice".into(), "below_minimum")]
        );
        assert_eq!(
            refused("availableFrom=2027-01-01"),
            [("/availableTo".into(), "required")]
        );
        assert_eq!(
            refused("availableFrom=2027-01-01&availableTo=2127-01-01"),
            [("/availableTo".into(), "range_too_long")]
        );
    }
}
