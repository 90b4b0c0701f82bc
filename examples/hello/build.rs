//! Sets a small stack: the server clears an instance's memory after each request.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}

/// In bytes. The linker's default is 1 MiB.
const STACK: usize = 64 << 10;
