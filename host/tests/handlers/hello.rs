//! The example `hello`, built with each of the two tools that its README names.

use crate::support::{Server, component_for};

#[test]
fn both_build_tools_give_the_same_handler() {
    for (tool, target) in [
        ("cargo build", "wasm32-wasip2"),
        ("cargo component build", "wasm32-wasip1"),
    ] {
        let server = Server::options()
            .arg("--handler")
            .arg(component_for(target, "hello"))
            .start();
        for (method, path) in [("GET", "/"), ("GET", "/any/where?x"), ("POST", "/")] {
            let answer = server.request(method, path, &[]);
            assert_eq!(answer.status, 200, "{tool}: {method} {path}");
            assert_eq!(
                answer.field("content-type"),
                Some("text/html; charset=utf-8"),
                "{tool}"
            );
            let page = answer.text();
            assert!(
                page.contains("<h1>Hello from under the bell jar</h1>"),
                "{tool}: {page}"
            );
        }
        let head = server.request("HEAD", "/", &[]);
        assert_eq!((head.status, head.text().as_str()), (200, ""), "{tool}");
    }
}
