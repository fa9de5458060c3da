//! Stops a build for Windows with one sentence instead of an error for each call that is missing.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("windows") {
        println!(
            "cargo::error=Bullhorn runs on Linux, macOS and FreeBSD; on Windows, build and run it in \
             WSL or in a container"
        );
    }
}
