//! Tests of files in a native build, where the current folder stands for a granted folder.

use std::fs;

use belljar_guest::{Error, Request, Response, answer};

fn handle(request: Request) -> Result<Response, Error> {
    Response::file(&request.path)
}

/// The only test of its process, since it changes the current folder.
#[test]
fn a_file_is_the_answer_or_a_404() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let site = folder.path().join("site");
    fs::create_dir_all(site.join("sub")).expect("a folder can be made");
    for (name, content) in [
        ("secret", "secret"),
        ("site/a.css", "p{}"),
        ("site/sub/b", "beta"),
    ] {
        fs::write(folder.path().join(name), content).expect("a file can be written");
    }
    std::env::set_current_dir(&site).expect("the folder is there");

    for (path, expected) in [
        ("/a.css", Some(("text/css; charset=utf-8", "p{}"))),
        ("/sub/b", Some(("application/octet-stream", "beta"))),
        ("/sub//./b", Some(("application/octet-stream", "beta"))),
        ("/sub", None),
        ("/", None),
        ("/nothing", None),
        ("/a.css/b", None),
        ("/../secret", None),
        ("/sub/../../secret", None),
        ("/sub/../a.css", None),
        ("/a.css\0", None),
    ] {
        let response = answer(handle, Request::get(path));
        assert_eq!(
            response.status,
            if expected.is_some() { 200 } else { 404 },
            "{path}"
        );
        if let Some((media, content)) = expected {
            assert_eq!(response.headers.get("content-type"), Some(media), "{path}");
            let bytes = response.body.into_bytes().expect("the file can be read");
            assert_eq!(bytes, content.as_bytes(), "{path}");
        }
    }
}
