//! `GET /api/cars` and the routes below it.

mod availability;
mod invalidation;
mod list;
mod show;
