//! Passes the compiler's version to the program, for `bullhorn_build_info`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=BULLHORN_RUSTC={}", compiler_version());
}

/// The second word of `rustc 1.89.0 (29483883e 2025-08-04)`; empty when the compiler prints none.
fn compiler_version() -> String {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}
