//! Sets a small stack: after each request the host searches all of an instance's memory for pages to clear.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}

/// In bytes: eight times the most that a request was seen to use, listings included.
const STACK: usize = 64 << 10;
