//! What operators do to a deployment of `ExoDrive`: `exo`, one file of `commands` a subcommand, and the parts below it
//! that other hosts use as well.
//!
//! - [`Address`] is where a database is and how far its certificate is trusted.
//! - [`Migrations`] are the files that make a database what this version needs, and [`apply`](Migrations::apply) them.

mod command_line;
mod commands;
mod console;
mod database;
mod deployment;
mod environment;
mod error;
mod migrations;
mod table;

pub use command_line::run;
pub use database::Address;
pub use error::Error;
pub use migrations::{Event, Migrations, Reason, SqlFile};
