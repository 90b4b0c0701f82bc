//! The example `hello`, by both of the ways to a component that its README names.

use crate::support::{Server, component_for};

#[test]
fn hello_is_the_same_by_every_road() {
    for (road, target) in [
        ("cargo build", "wasm32-wasip2"),
        ("cargo component build", "wasm32-wasip1"),
    ] {
        let server = Server::options()
            .arg("--handler")
            .arg(component_for(target, "hello"))
            .start();
        for (method, path) in [("GET", "/"), ("GET", "/any/where?x"), ("POST", "/")] {
            let answer = server.request(method, path, &[]);
            assert_eq!(answer.status, 200, "{road}: {method} {path}");
            assert_eq!(
                answer.field("content-type"),
                Some("text/html; charset=utf-8"),
                "{road}"
            );
            let page = answer.text();
            assert!(
                page.contains("<h1>Hello from under the bell jar</h1>"),
                "{road}: {page}"
            );
        }
        let head = server.request("HEAD", "/", &[]);
        assert_eq!((head.status, head.text().as_str()), (200, ""), "{road}");
    }
}
