//! The query of `GET /api/cars`.

use crate::{
    clients::supabase::CarListing,
    domain::{
        dates::{DateRange, parse_date},
        money::Amount,
        refusal::{Refusal, parse_text},
    },
    web::fields::{FieldErrors, Fields},
};

const MAX_FEATURES: usize = 10;

pub(super) fn parse_listing(query: &str) -> Result<CarListing, FieldErrors> {
    const PAGE: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 10000");
    const LIMIT: Refusal = Refusal::new("out_of_range", "must be a whole number from 1 to 50");
    let mut fields = Fields::from_query(query);
    let listing = CarListing {
        page: fields
            .optional_integer("page", 1, 10_000, PAGE)
            .unwrap_or(1),
        limit: fields.optional_integer("limit", 1, 50, LIMIT).unwrap_or(12),
        search: fields
            .optional("search", |text| parse_text(text, 100))
            .map(|text| text.to_lowercase()),
        category: fields
            .optional("category", |text| parse_text(text, 40))
            .map(|text| text.to_lowercase()),
        min_price: fields.optional("minPrice", Amount::parse),
        max_price: fields.optional("maxPrice", Amount::parse),
        features: fields.optional("features", parse_features),
        sort_by: fields
            .optional("sortBy", parse_sort_by)
            .unwrap_or("featured"),
        sort_order: fields
            .optional("sortOrder", parse_sort_order)
            .unwrap_or("asc"),
        available_from: fields.optional("availableFrom", parse_date),
        available_to: fields.optional("availableTo", parse_date),
    };
    check_prices(&mut fields, &listing);
    check_dates(&mut fields, &listing);
    fields.finish(listing)
}

fn check_prices(fields: &mut Fields, listing: &CarListing) {
    const BELOW: Refusal = Refusal::new("below_minimum", "must not be below minPrice");
    if let (Some(least), Some(most)) = (listing.min_price, listing.max_price)
        && least > most
    {
        fields.refuse("maxPrice", BELOW);
    }
}

/// Both dates or none. After another error a missing date is not reported, because it may be the
/// wrong one.
fn check_dates(fields: &mut Fields, listing: &CarListing) {
    const WITH_FROM: Refusal = Refusal::new("required", "is required with availableFrom");
    const WITH_TO: Refusal = Refusal::new("required", "is required with availableTo");
    match (listing.available_from, listing.available_to) {
        (Some(from), Some(to)) => {
            if let Err(refusal) = DateRange::new(from, to) {
                fields.refuse("availableTo", refusal);
            }
        }
        (Some(_), None) if !fields.has_errors() => fields.refuse("availableTo", WITH_FROM),
        (None, Some(_)) if !fields.has_errors() => fields.refuse("availableFrom", WITH_TO),
        _ => {}
    }
}

/// Sorted and without duplicates, so that `a,b` and `b,a` are one page.
fn parse_features(text: &str) -> Result<Vec<String>, Refusal> {
    let mut features = text
        .split(',')
        .map(|feature| parse_text(feature, 40).map(|feature| feature.to_lowercase()))
        .collect::<Result<Vec<_>, _>>()?;
    features.sort();
    features.dedup();
    if features.len() > MAX_FEATURES {
        return Err(Refusal::new("too_many", "must name at most 10 features"));
    }
    Ok(features)
}

fn parse_sort_by(text: &str) -> Result<&'static str, Refusal> {
    one_of(text, ["featured", "price", "name"]).ok_or(Refusal::new(
        "unknown_value",
        "must be featured, price or name",
    ))
}

fn parse_sort_order(text: &str) -> Result<&'static str, Refusal> {
    one_of(text, ["asc", "desc"]).ok_or(Refusal::new("unknown_value", "must be asc or desc"))
}

fn one_of<const N: usize>(text: &str, values: [&'static str; N]) -> Option<&'static str> {
    values.into_iter().find(|value| *value == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(query: &str) -> Vec<(String, &'static str)> {
        parse_listing(query)
            .unwrap_err()
            .0
            .into_iter()
            .map(|error| (error.pointer, error.code))
            .collect()
    }

    #[test]
    fn all_query_errors_are_named() {
        assert_eq!(
            errors("page=abc&limit=-1&minPrice=x&sortBy=id&availableFrom=2025-02-31&features=,"),
            [
                ("/page".into(), "out_of_range"),
                ("/limit".into(), "out_of_range"),
                ("/minPrice".into(), "invalid_amount"),
                ("/features".into(), "empty"),
                ("/sortBy".into(), "unknown_value"),
                ("/availableFrom".into(), "invalid_date"),
            ]
        );
        assert_eq!(errors("limit=1000000"), [("/limit".into(), "out_of_range")]);
        assert_eq!(
            errors("minPrice=9&maxPrice=8"),
            [("/maxPrice".into(), "below_minimum")]
        );
        assert_eq!(
            errors("availableFrom=2027-01-01"),
            [("/availableTo".into(), "required")]
        );
        assert_eq!(
            errors("availableFrom=2027-01-01&availableTo=2127-01-01"),
            [("/availableTo".into(), "range_too_long")]
        );
    }
}
