//! `GET /api/cars`: a page of the fleet.

use super::list_query::parse_listing;
use crate::{
    app::App,
    clients::supabase::CarListing,
    flows::cache::read::LoadFn,
    instance::cache_key::{CacheKey, CacheKind, Subject},
    routes::{
        cached::cached,
        problems::{Code, Problem},
    },
    web::{reply::Reply, request::Request},
};

const FRESH_SECONDS: u64 = 60;
/// With an availability filter the page changes with every booking.
const FRESH_SECONDS_BY_DATES: u64 = 30;

pub(in crate::routes) async fn list(app: &App, request: &Request) -> Result<Reply, Problem> {
    cached(app, request, parse_listing(&request.query), cache_key, load)
        .await?
        .ok_or_else(|| Problem::new(Code::Internal))
}

/// Loads the page.
pub(in crate::routes) fn load(listing: CarListing) -> LoadFn {
    Box::new(move |app, deadline| {
        Box::pin(async move { app.database(deadline).list_cars(&listing).await.map(Some) })
    })
}

/// The first pages of the list without a filter, which visitors see first.
pub(in crate::routes) fn first_pages(pages: u32) -> impl Iterator<Item = CarListing> {
    (1..=pages).filter_map(|page| parse_listing(&format!("page={page}")).ok())
}

/// The page's key. The listing as JSON is its canonical text: every field, in one order.
pub(in crate::routes) fn cache_key(listing: &CarListing) -> CacheKey {
    let canonical = serde_json::to_string(listing).unwrap_or_default();
    let (subject, fresh_seconds) = if listing.available_from.is_some() {
        (Subject::Fleet, FRESH_SECONDS_BY_DATES)
    } else {
        (Subject::Catalogue, FRESH_SECONDS)
    };
    CacheKey::new(CacheKind::Cars, &canonical, subject, fresh_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pages_share_a_key() {
        let key_of = |query| cache_key(&parse_listing(query).unwrap());
        assert_eq!(
            key_of(""),
            key_of("page=1&limit=12&sortBy=featured&utm_source=x")
        );
        assert_eq!(key_of("features=B,a"), key_of("features=a,b,a"));
        assert_eq!(key_of("minPrice=50"), key_of("minPrice=50.00"));
        assert_ne!(key_of("search=a&category=b"), key_of("search=b&category=a"));
        assert_ne!(key_of("page=2"), key_of(""));
    }
}
