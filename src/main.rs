//! The command line of Bullhorn.

fn main() {}
