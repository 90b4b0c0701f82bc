//! The smallest handler: one page for every address.
#![no_std]

use belljar_guest::{Request, Response};

belljar_guest::handler!(hello);

fn hello(_: Request) -> Response {
    Response::html(PAGE)
}

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hello</title>
<h1>Hello from under the bell jar</h1>
<p>This page was made by a WebAssembly component that lived for this one request.</p>
</html>
";
