//! Tests of paths: which file a path names, and which files no path may name.

use crate::support::{Server, Site};

#[test]
fn answers_404_for_a_file_with_a_trailing_slash() {
    let site = Site::new(&[("file.txt", "content"), ("folder/page.html", "page")]);
    let server = Server::of_site(&site);
    for target in [
        "/file.txt/",
        "/folder/page.html/",
        "/file.txt/x",
        "/file.txt/../file.txt/",
        "/file.txt/.",
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    }
}

#[test]
fn decodes_percent_escapes_once() {
    let site = Site::new(&[
        ("file.txt", "content"),
        ("folder/file.txt", "inner"),
        ("a b.txt", "space"),
        ("gr\u{fc}n.txt", "unicode"),
        ("100%.txt", "percent"),
        ("%41.txt", "escaped"),
        ("A.txt", "unescaped"),
        ("q?x.txt", "question"),
        ("h#x.txt", "hash"),
        ("a+b.txt", "plus"),
        ("a&b<c>\"d'.txt", "html"),
        ("semi;colon:.txt", "colon"),
    ]);
    let server = Server::of_site(&site);
    for (target, body) in [
        ("/%66ile.txt", "content"),
        ("/file%2Etxt", "content"),
        ("/file%2etxt", "content"),
        ("/a%20b.txt", "space"),
        ("/gr%C3%BCn.txt", "unicode"),
        ("/gr%c3%bcn.txt", "unicode"),
        ("/100%25.txt", "percent"),
        ("/%2541.txt", "escaped"),
        ("/%41.txt", "unescaped"),
        ("/q%3Fx.txt", "question"),
        ("/h%23x.txt", "hash"),
        ("/a+b.txt", "plus"),
        ("/a%2Bb.txt", "plus"),
        ("/a%26b%3Cc%3E%22d%27.txt", "html"),
        ("/semi;colon:.txt", "colon"),
        ("/folder/file.txt", "inner"),
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, body),
            "{target}"
        );
    }
    for (target, status) in [
        ("/folder%2Ffile.txt", 404),
        ("/folder%2ffile.txt", 404),
        ("/%2Ffile.txt", 404),
        ("/folder%252Ffile.txt", 404),
        ("/%2566ile.txt", 404),
        ("/file.txt%00", 400),
        ("/%00", 400),
        ("/file.txt%00.html", 400),
        ("/%zz", 400),
        ("/%", 400),
        ("/%4", 400),
        ("/file.txt%", 400),
        ("/%-1", 400),
        ("/%+1", 400),
        ("/%u0041", 400),
        ("/%4 ", 400),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    // A component cannot open files whose names are not UTF-8.
    for target in ["/%ff", "/%c3", "/%c0%ae%c0%ae/file.txt", "/%ed%a0%80"] {
        assert!(matches!(server.get(target).status, 400 | 404), "{target}");
    }
}

#[test]
fn keeps_paths_inside_the_root() {
    let site = Site::new(&[("file.txt", "content"), ("folder/file.txt", "inner")]);
    std::fs::write(site.around().join("secret.txt"), SECRET).expect("the secret can be written");
    // A folder next to the root whose name begins with the name of the root.
    std::fs::create_dir(site.around().join("site-private")).expect("the folder can be made");
    std::fs::write(site.around().join("site-private/secret.txt"), SECRET)
        .expect("the secret can be written");
    let server = Server::of_site(&site);
    let mut client = server.connect();
    for way in WAYS_UP {
        for target in [
            "secret.txt",
            "site-private/secret.txt",
            "etc/passwd",
            "site/file.txt",
        ] {
            for start in ["/", "/folder/", "/folder/file.txt/", "/missing/", "//"] {
                let request = format!("{start}{way}{target}");
                let answer = client.get(&request);
                assert!(
                    matches!(answer.status, 301 | 400 | 403 | 404),
                    "{request}: {} {}",
                    answer.status,
                    answer.text()
                );
                let location = answer.field("location").unwrap_or_default();
                assert!(!location.starts_with("//"), "{request}: {location}");
            }
        }
    }
    let absolute = site.around().join("secret.txt").display().to_string();
    for request in [
        absolute.clone(),
        format!("/{absolute}"),
        absolute.replace('/', "%2f"),
        "/C:/secret.txt".into(),
    ] {
        let request = if request.starts_with('/') {
            request
        } else {
            format!("/{request}")
        };
        let answer = client.get(&request);
        assert!(
            matches!(answer.status, 301 | 400 | 403 | 404),
            "{request}: {}",
            answer.status
        );
    }
    assert_eq!(client.get("/file.txt").text(), "content");
}

/// Paths with dot segments or empty segments that stay inside the root. They may be served or refused, but must not
/// name another file.
#[test]
fn resolves_unusual_paths_inside_the_root() {
    let site = Site::new(&[("file.txt", "content"), ("folder/file.txt", "inner")]);
    let server = Server::of_site(&site);
    for (target, body) in [
        ("/./file.txt", "content"),
        ("/folder/../file.txt", "content"),
        ("/folder/./file.txt", "inner"),
        ("/folder/%2e%2e/file.txt", "content"),
        ("//file.txt", "content"),
        ("/folder//file.txt", "inner"),
        ("///folder///file.txt", "inner"),
    ] {
        let answer = server.get(target);
        match answer.status {
            200 => assert_eq!(answer.text(), body, "{target}"),
            301 | 308 => assert!(
                !answer.need("location").starts_with("//"),
                "{target}: {}",
                answer.head
            ),
            status => assert!(matches!(status, 400 | 404), "{target}: {}", answer.head),
        }
    }
}

#[test]
fn hides_dotfiles() {
    let site = Site::new(&[
        (".env", SECRET),
        (".env.gz", SECRET),
        (".git/config", SECRET),
        ("folder/.htpasswd", SECRET),
        ("folder/.hidden/page.html", SECRET),
        (".hidden/index.html", SECRET),
        ("page.html", "page"),
        ("..txt", SECRET),
        ("...", SECRET),
        (".well-known/security.txt", "Contact: nobody"),
    ]);
    let server = Server::of_site(&site);
    for target in [
        "/.env",
        "/.env.gz",
        "/%2eenv",
        "/.git/config",
        "/.git/",
        "/.git",
        "/%2egit/config",
        "/folder/.htpasswd",
        "/folder/%2Ehtpasswd",
        "/folder/.hidden/page.html",
        "/.hidden/",
        "/.hidden",
        "/folder/../.env",
        "/..txt",
        "/...",
    ] {
        for fields in [&[][..], &[("Accept-Encoding", "gzip")]] {
            let answer = server.request("GET", target, fields);
            assert!(
                matches!(answer.status, 400 | 404),
                "{target}: {}",
                answer.status
            );
            assert!(!answer.text().contains(SECRET), "{target}");
        }
    }
    // With --dotfiles they are served like other files. `..` still leads nowhere.
    let open = Server::options()
        .arg(site.path())
        .args("--dotfiles")
        .start();
    for target in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/folder/.hidden/page.html",
        "/.hidden/",
    ] {
        let answer = open.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, SECRET),
            "{target}"
        );
    }
    assert!(matches!(open.get("/../.env").status, 400 | 403 | 404));
    assert_eq!(server.get("/.env").status, 404);
    let known = server.get("/.well-known/security.txt");
    assert_eq!(
        (known.status, known.text().as_str()),
        (200, "Contact: nobody")
    );
}

#[cfg(unix)]
#[test]
fn follows_symlinks_inside_the_root_only() {
    let site = Site::new(&[
        ("file.txt", "content"),
        ("folder/page.html", "page"),
        ("folder/index.html", "index"),
    ]);
    let around = site.around().to_owned();
    std::fs::write(around.join("secret.txt"), SECRET).expect("the secret can be written");
    std::fs::create_dir(around.join("outside")).expect("the folder can be made");
    std::fs::write(around.join("outside/index.html"), SECRET).expect("the secret can be written");
    site.symlink("file.txt", "inside.txt");
    site.symlink("../file.txt", "folder/up.txt");
    site.symlink("inside.txt", "twice.txt");
    site.symlink("folder", "linked-folder");
    site.symlink("../secret.txt", "relative-out.txt");
    site.symlink(around.join("secret.txt"), "absolute-out.txt");
    site.symlink("/etc/passwd", "passwd");
    site.symlink("../outside", "folder-out");
    site.symlink("folder/../../secret.txt", "winding-out.txt");
    site.symlink("relative-out.txt", "twice-out.txt");
    site.symlink("..", "parent");
    site.symlink("/", "filesystem");
    site.symlink("/dev/null", "null");
    site.symlink("missing.txt", "broken.txt");
    site.symlink("loop-b", "loop-a");
    site.symlink("loop-a", "loop-b");
    site.symlink("loop-self/x", "loop-self");
    let server = Server::of_site(&site);
    for (target, status, body) in [
        ("/inside.txt", 200, "content"),
        ("/folder/up.txt", 200, "content"),
        ("/twice.txt", 200, "content"),
        ("/linked-folder/page.html", 200, "page"),
        ("/linked-folder/", 200, "index"),
        ("/linked-folder", 301, ""),
        ("/inside.txt/", 404, ""),
        ("/relative-out.txt", 404, ""),
        ("/absolute-out.txt", 404, ""),
        ("/passwd", 404, ""),
        ("/folder-out", 404, ""),
        ("/folder-out/", 404, ""),
        ("/folder-out/index.html", 404, ""),
        ("/winding-out.txt", 404, ""),
        ("/twice-out.txt", 404, ""),
        ("/parent/secret.txt", 404, ""),
        ("/parent/", 404, ""),
        ("/filesystem/etc/passwd", 404, ""),
        ("/null", 404, ""),
        ("/broken.txt", 404, ""),
        ("/broken.txt/", 404, ""),
        ("/loop-a", 404, ""),
        ("/loop-a/", 404, ""),
        ("/loop-self", 404, ""),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(
            !answer.text().contains(SECRET) && !answer.text().contains("root:"),
            "{target}"
        );
        assert!(
            body.is_empty() || answer.text() == body,
            "{target}: {}",
            answer.text()
        );
    }
}

#[test]
fn answers_404_for_names_that_are_too_long() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    for target in [
        format!("/{}", "x".repeat(300)),
        format!("/{}.txt", "y".repeat(255)),
        "/x".repeat(4_000),
        format!("/{}", "%41".repeat(5_000)),
        format!("/{}file.txt", "./".repeat(4_000)),
    ] {
        let answer = server.get(&target);
        let shown = &target[..20];
        assert!(
            answer.status == 404 || shown.starts_with("/./") && answer.text() == "content",
            "{shown}: {}",
            answer.head
        );
    }
    // A file is served even if its name is too long to add the ending of a compressed copy.
    let longest = format!("{}.txt", "z".repeat(251));
    site.write(&longest, b"long");
    let answer = server.request(
        "GET",
        &format!("/{longest}"),
        &[("Accept-Encoding", "gzip, br, zstd")],
    );
    assert_eq!((answer.status, answer.text().as_str()), (200, "long"));
}

#[test]
fn answers_404_for_a_removed_file() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    assert_eq!(server.get("/file.txt").status, 200);
    std::fs::remove_file(site.at("file.txt")).expect("the file can be removed");
    assert_eq!(server.get("/file.txt").status, 404);
}

/// The FIFO has no writer: a server that opened it for reading would wait for ever.
#[cfg(unix)]
#[test]
fn answers_404_for_special_files() {
    let site = Site::new(&[("file.txt", "content")]);
    site.fifo("fifo");
    site.fifo("page.html");
    site.fifo("index.html");
    site.fifo("file.txt.gz");
    let _listener =
        std::os::unix::net::UnixListener::bind(site.at("socket")).expect("the socket can be made");
    let server = Server::of_site(&site);
    for target in ["/fifo", "/page.html", "/socket", "/fifo/", "/"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    let answer = server.request("GET", "/file.txt", &[("Accept-Encoding", "gzip")]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "content"));
}

/// Root can read every file, so the test then runs the server as another user.
#[cfg(unix)]
#[test]
fn answers_403_for_an_unreadable_file() {
    use std::fs::{Permissions, copy, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let site = Site::new(&[
        ("file.txt", "content"),
        ("locked.txt", SECRET),
        ("locked/page.html", SECRET),
    ]);
    for (path, mode) in [
        (site.around().to_owned(), 0o755),
        (site.path(), 0o755),
        (site.at("file.txt"), 0o644),
        (site.at("locked.txt"), 0o000),
        (site.at("locked"), 0o000),
    ] {
        set_permissions(path, Permissions::from_mode(mode)).expect("the mode can be set");
    }
    let server = if rustix::process::geteuid().is_root() {
        // The server runs from a copy, because the other user may have no access to the program's folder.
        let program = site.around().join("belljar");
        copy(crate::support::program(), &program).expect("the program can be copied");
        let home = site.around().to_owned();
        Server::options().command(|command| {
            let mut other = Command::new(&program);
            other
                .args(command.get_args())
                .uid(65_534)
                .gid(65_534)
                .env("HOME", &home)
                .env_remove("XDG_CACHE_HOME");
            use std::process::Stdio;
            other
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .current_dir("/");
            *command = other;
        })
    } else {
        Server::options()
    };
    let server = server.arg(site.path()).start();
    assert_eq!(server.get("/file.txt").text(), "content");
    for target in ["/locked.txt", "/locked/page.html"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 403, "{target}");
        assert!(!answer.text().contains(SECRET));
    }
    set_permissions(site.at("locked"), Permissions::from_mode(0o755))
        .expect("the folder can be removed");
}

/// Ways to write "one folder up".
const WAYS_UP: [&str; 22] = [
    "../",
    "../../../../../../../../../../",
    "%2e%2e/",
    "%2E%2e/",
    ".%2e/",
    "%2e./",
    "..%2f",
    "..%2F..%2F..%2F",
    "%2e%2e%2f",
    "%252e%252e/",
    "%252e%252e%252f",
    "..%252f",
    "..\\",
    "..%5c",
    "%2e%2e%5c",
    "..%5c..%5c..%5c",
    "..;/",
    "....//",
    "./../",
    ".//..//",
    "%c0%ae%c0%ae/",
    "..%c0%af",
];

const SECRET: &str = "nobody outside may read this";
