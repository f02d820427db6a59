//! Reading the fleet. These results pass to the client as they are.

use super::{Database, DatabaseError};
use crate::domain::{car::CarRef, dates::DateRange, money::Amount};
use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What `list_cars` filters and orders by; `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub struct CarListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub page: u32,
    /// 1 to 50.
    #[serde(rename = "p_limit")]
    pub limit: u32,
    /// A literal part of the car's name, make, model, category or description.
    #[serde(rename = "p_search")]
    pub search: Option<String>,
    /// Exactly this category.
    #[serde(rename = "p_category")]
    pub category: Option<String>,
    /// At least this much a day.
    #[serde(rename = "p_min_price")]
    pub min_price: Option<Amount>,
    /// At most this much a day.
    #[serde(rename = "p_max_price")]
    pub max_price: Option<Amount>,
    /// All of these.
    #[serde(rename = "p_features")]
    pub features: Option<Vec<String>>,
    /// `featured`, `price` or `name`.
    #[serde(rename = "p_sort_by")]
    pub sort_by: &'static str,
    /// `asc` or `desc`.
    #[serde(rename = "p_sort_order")]
    pub sort_order: &'static str,
    /// Bookable from this day …
    #[serde(rename = "p_available_from")]
    pub available_from: Option<Date>,
    /// … until this one. Both or neither.
    #[serde(rename = "p_available_to")]
    pub available_to: Option<Date>,
}

/// A car's two names.
#[derive(Clone, Debug, Deserialize)]
pub struct CarIdentity {
    /// The UUID.
    pub id: Uuid,
    /// The slug.
    pub slug: String,
}

/// The car of a booking that was touched.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TouchedCar {
    car_id: Uuid,
    car_slug: String,
}

impl From<TouchedCar> for CarIdentity {
    fn from(car: TouchedCar) -> Self {
        Self {
            id: car.car_id,
            slug: car.car_slug,
        }
    }
}

#[derive(Serialize)]
struct AtTime<'a, T> {
    #[serde(flatten)]
    arguments: &'a T,
    p_now: Timestamp,
}

impl Database<'_> {
    /// A page of cars, as the body of `GET /api/cars`.
    pub async fn list_cars(&self, listing: &CarListing) -> Result<Bytes, DatabaseError> {
        let arguments = AtTime {
            arguments: listing,
            p_now: self.platform.now(),
        };
        self.call_raw("list_cars", &arguments).await
    }

    /// One car, as the body of `GET /api/cars/{car}`; `None` when it is unknown or not offered.
    pub async fn get_car(&self, car: &CarRef) -> Result<Option<Bytes>, DatabaseError> {
        let body = self
            .call_raw("get_car", &serde_json::json!({ "p_car": car }))
            .await?;
        Ok(present(body))
    }

    /// A car's days and the price of renting it over them, as the body of `GET /api/cars/availability`.
    pub async fn get_availability(
        &self,
        car: &CarRef,
        dates: DateRange,
    ) -> Result<Option<Bytes>, DatabaseError> {
        let arguments = serde_json::json!({
            "p_car": car,
            "p_start_date": dates.start(),
            "p_end_date": dates.end(),
            "p_now": self.platform.now(),
        });
        let body = self.call_raw("get_availability", &arguments).await?;
        Ok(present(body))
    }

    /// The cars booked most in the last 30 days, most first.
    pub async fn popular_cars(&self, limit: u32) -> Result<Vec<CarIdentity>, DatabaseError> {
        let arguments = serde_json::json!({ "p_limit": limit, "p_now": self.platform.now() });
        self.call("popular_cars", &arguments).await
    }
}

/// SQL NULL arrives as `null`, or as nothing at all.
fn present(body: Bytes) -> Option<Bytes> {
    let is_null = matches!(body.trim_ascii(), b"" | b"null");
    (!is_null).then_some(body)
}
