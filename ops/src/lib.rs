//! The program `exo`, which operates a deployment of `ExoDrive`. The local host uses two parts:
//!
//! - [`Address`] is a database's address and the authorities that may have signed its certificate.
//! - [`Migrations`] are the files that bring a database up to this version.
//!   [`apply`](Migrations::apply) runs them.

mod command_line;
mod commands;
mod console;
mod database;
mod deployment;
mod environment;
mod error;
mod migrations;
mod progress;
mod table;

pub use command_line::run;
pub use database::Address;
pub use error::Error;
pub use migrations::{Event, Migrations, Reason, SqlFile};
