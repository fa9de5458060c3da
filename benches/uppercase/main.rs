//! Upper-casing compared with the standard library, by language and length of text.
//!
//! `cargo bench --bench uppercase` measures, `cargo test --benches` tries each once. Every result
//! is checked before it is timed. Upper-casing in place includes a copy of the text for each
//! iteration; `copy` measures only that copy.

#[cfg(target_os = "linux")]
mod measured;
#[cfg(not(target_os = "linux"))]
#[path = "measured_elsewhere.rs"]
mod measured;

fn main() {
    measured::run();
}
