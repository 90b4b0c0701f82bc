//! The smallest handler: one page for every address.

wit_bindgen::generate!({ path: "../../wit", world: "handler", generate_all });

use belljar::handler::types::Body;

struct Hello;

impl Guest for Hello {
    fn handle(_request: Request) -> Response {
        Response {
            status: 200,
            headers: vec![("Content-Type".into(), b"text/html; charset=utf-8".to_vec())],
            body: Body::Bytes(PAGE.into()),
        }
    }
}

export!(Hello);

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hello</title>
<h1>Hello from under the bell jar</h1>
<p>This page was made by a WebAssembly component that lived for this one request.</p>
</html>
";
