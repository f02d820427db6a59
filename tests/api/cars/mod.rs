//! `GET /api/cars` and the routes below it.

mod availability;
mod list;
mod show;
