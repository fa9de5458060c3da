//! Makes the case table from the standard library's own character data.

fn main() {}
