//! The migrations, their rollback, the privileges and the guards of the tables.

mod migrations;
mod privileges;
mod rollback;
mod row_locks;
mod states;
