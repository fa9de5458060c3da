//! What `demo` prints: a row for each family and socket type.

mod json;
mod row;
mod text;

pub(crate) use json::json_lines;
pub(crate) use row::Row;
pub(crate) use text::table;
