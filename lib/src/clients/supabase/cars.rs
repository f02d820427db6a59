//! The fleet. Clients get the cars, lists and days unchanged.

use super::{Arguments, Database, DatabaseError};
use crate::domain::{car::CarRef, dates::DateRange, money::Amount};
use bytes::Bytes;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `list_cars`. `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CarListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub(crate) page: u32,
    /// 1 to 50.
    #[serde(rename = "p_limit")]
    pub(crate) limit: u32,
    /// A literal part of the car's name, make, model, category or description.
    #[serde(rename = "p_search")]
    pub(crate) search: Option<String>,
    #[serde(rename = "p_category")]
    pub(crate) category: Option<String>,
    /// The lowest price a day.
    #[serde(rename = "p_min_price")]
    pub(crate) min_price: Option<Amount>,
    /// The highest price a day.
    #[serde(rename = "p_max_price")]
    pub(crate) max_price: Option<Amount>,
    /// Cars that have all of these.
    #[serde(rename = "p_features")]
    pub(crate) features: Option<Vec<String>>,
    /// `featured`, `price` or `name`.
    #[serde(rename = "p_sort_by")]
    pub(crate) sort_by: &'static str,
    /// `asc` or `desc`.
    #[serde(rename = "p_sort_order")]
    pub(crate) sort_order: &'static str,
    /// Cars that can be booked from this day to `available_to`. Both days are set, or neither.
    #[serde(rename = "p_available_from")]
    pub(crate) available_from: Option<Date>,
    #[serde(rename = "p_available_to")]
    pub(crate) available_to: Option<Date>,
}

/// A car's two names: `id` and `slug`, or `carId` and `carSlug` beside a booking's members.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CarIdentity {
    #[serde(alias = "carId")]
    pub(crate) id: Uuid,
    #[serde(alias = "carSlug")]
    pub(crate) slug: String,
}

impl Database<'_> {
    /// A page of cars, as the body of `GET /api/cars`.
    pub(crate) async fn list_cars(&self, listing: &CarListing) -> Result<Bytes, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_page", &listing.page),
            ("p_limit", &listing.limit),
            ("p_search", &listing.search),
            ("p_category", &listing.category),
            ("p_min_price", &listing.min_price),
            ("p_max_price", &listing.max_price),
            ("p_features", &listing.features),
            ("p_sort_by", &listing.sort_by),
            ("p_sort_order", &listing.sort_order),
            ("p_available_from", &listing.available_from),
            ("p_available_to", &listing.available_to),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("list_cars", arguments).await
    }

    /// One car, as the body of `GET /api/cars/{car}`. `None` if it is unknown or not on offer.
    pub(crate) async fn get_car(&self, car: &CarRef) -> Result<Option<Bytes>, DatabaseError> {
        let body = self.call_raw("get_car", &[("p_car", &car)]).await?;
        Ok(present(body))
    }

    /// A car's free days and the price of a rental, as the body of `GET /api/cars/availability`.
    pub(crate) async fn get_availability(
        &self,
        car: &CarRef,
        dates: DateRange,
    ) -> Result<Option<Bytes>, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_car", &car),
            ("p_start_date", &dates.start()),
            ("p_end_date", &dates.end()),
            ("p_now", &self.platform.now()),
        ];
        let body = self.call_raw("get_availability", arguments).await?;
        Ok(present(body))
    }

    /// The cars booked most in the last 30 days, most first.
    pub(crate) async fn popular_cars(&self, limit: u32) -> Result<Vec<CarIdentity>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("popular_cars", arguments).await
    }
}

/// PostgREST sends SQL NULL as `null` or as an empty body.
fn present(body: Bytes) -> Option<Bytes> {
    let is_null = matches!(body.trim_ascii(), b"" | b"null");
    (!is_null).then_some(body)
}
