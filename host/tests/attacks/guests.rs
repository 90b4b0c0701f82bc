//! The guests in WebAssembly text, one attack in each file.

use std::fs;
use std::path::Path;

use crate::attack::{Attack, withstands};
use crate::support::{Server, Site, answering, handler_of_options};

/// Starts a server of the guests that the targets name, as a folder of handlers beside a neighbour, and runs the attacks.
pub fn withstands_guests(flags: &str, attacks: &[Attack]) {
    let site = Site::new(&[]);
    for attack in attacks {
        write(&site, attack.target.trim_start_matches('/'));
    }
    let server = serve(&site, flags);
    // Both lanes have their threads before the first measurement.
    server.get(attacks[0].target);
    withstands(&server, attacks);
}

/// Starts a server of the guests, none of which can start, and waits for the line that refuses each.
pub fn refuses_guests(flags: &str, guests: &[(&str, &str)]) {
    let site = Site::new(&[]);
    for (name, _) in guests {
        write(&site, name);
    }
    let server = serve(&site, flags);
    for (name, reason) in guests {
        let file = format!("{name}.wasm");
        server.wait_for_log(name, |line| line.contains(&file) && line.contains(reason));
        assert_eq!(server.get(&format!("/{name}")).status, 503, "{name}");
        server.assert_alive(name);
    }
}

fn serve(site: &Site, flags: &str) -> Server {
    site.write("handlers/hello.wasm", &answering("hello\n"));
    let options = Server::options().arg("--handlers").arg(site.at("handlers"));
    options.args(flags).start()
}

fn write(site: &Site, name: &str) {
    site.write(&format!("handlers/{name}.wasm"), &guest(name));
}

/// The component of `guests/NAME.wat`.
///
/// A file has the items of the component, down to the core instance `$main`, which `handler.wat` needs; or only the fields
/// of its main module. `;; prelude` stands for the allocator and the function `$respond`.
pub fn guest(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/guests");
    let text = fs::read_to_string(folder.join(name).with_extension("wat"))
        .unwrap_or_else(|error| panic!("{name}.wat: {error}"));
    let items = match text.contains("(core instance $main") {
        true => text,
        false => {
            let memory = match text.contains("(memory (export \"memory\")") {
                true => "",
                false => "(memory (export \"memory\") 2)",
            };
            format!(
                "(core module $attack\n{text}\n{memory}\n;; prelude\n)\n(core instance $main (instantiate $attack))"
            )
        }
    };
    let post_return = match items.contains("(export \"post-return\")") {
        true => "(post-return (core func $main \"post-return\"))",
        false => "",
    };
    handler_of_options(&items.replace(";; prelude", PRELUDE), post_return)
}

const PRELUDE: &str = r#"
  (global $next (mut i32) (i32.const 65536))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $next)
    (global.set $next
      (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7)) (i32.const -8))))
  ;; Writes a response without headers to address 0, with a body of `length` bytes at `at`. Returns its address.
  (func $respond (param $status i32) (param $at i32) (param $length i32) (result i32)
    (i64.store (i32.const 0) (i64.const 0))
    (i64.store (i32.const 8) (i64.const 0))
    (i32.store16 (i32.const 0) (local.get $status))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 24) (local.get $at))
    (i32.store (i32.const 28) (local.get $length))
    (i32.const 0))
"#;
