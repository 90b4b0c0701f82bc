//! Sets the size of the stack.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}

/// In bytes. The linker's default is 1 MiB; a small stack is faster, because the server clears an instance's memory
/// after each request.
const STACK: usize = 128 << 10;
