//! The guestbook without a server, with an in-memory store.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use belljar_guest::{Error, Request, Response};

use crate::book::{Book, KEPT, SHOWN};
use crate::entry::{Draft, Entry};
use crate::store::Store;

#[derive(Default)]
struct Memory(RefCell<BTreeMap<String, Vec<u8>>>);

impl Store for &Memory {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let values = self.0.borrow();
        let pairs = keys
            .iter()
            .filter_map(|key| Some((key.clone(), values.get(key)?.clone())));
        Ok(pairs.collect())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.borrow_mut().insert(key.into(), value.into());
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.borrow_mut().remove(key);
        Ok(())
    }

    fn increment(&self, key: &str, delta: u64) -> Result<u64, Error> {
        let mut values = self.0.borrow_mut();
        let value = values.entry(key.into()).or_insert_with(|| b"0".into());
        let sum = delta + str::from_utf8(value)?.parse::<u64>()?;
        *value = sum.to_string().into_bytes();
        Ok(sum)
    }
}

fn ask(memory: &Memory, request: Request) -> Response {
    belljar_guest::answer(
        |request: Request| crate::answer(request, &Book::new(memory), now()),
        request,
    )
}

fn page(memory: &Memory, target: &str) -> String {
    let response = ask(memory, Request::get(target));
    assert_eq!(response.status, 200, "{target}");
    text(response)
}

fn text(response: Response) -> String {
    let bytes = response.body.into_bytes().expect("it is bytes");
    String::from_utf8(bytes).expect("it is text")
}

fn form(content: &str) -> Request {
    Request::post("/", content).with_header("Content-Type", "application/x-www-form-urlencoded")
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_255_200)
}

#[test]
fn links_lead_below_the_mount() {
    let memory = Memory::default();
    let mounted = |request: Request| request.with_header("belljar-mount", "/a/b");
    let response = ask(&memory, mounted(form("name=Ada&message=Hello")));
    assert_eq!(response.headers.get("location"), Some("/a/b/#entry-1"));
    for number in 0..SHOWN {
        ask(&memory, form(&format!("name=Ada&message={number}")));
    }
    let shown = text(ask(&memory, mounted(Request::get("/"))));
    for part in [
        "href=\"/a/b/style.css\"",
        "action=\"/a/b/\"",
        "href=\"/a/b/?before=",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn shows_an_entry_on_the_next_page() {
    let memory = Memory::default();
    assert!(page(&memory, "/").contains("Be the first!"));
    let response = ask(
        &memory,
        form("name=Ada+L.&message=What+a+fine+jar%0D%0Aindeed"),
    );
    assert_eq!(response.status, 303);
    assert_eq!(response.headers.get("location"), Some("/#entry-1"));
    let shown = page(&memory, "/");
    for part in [
        "<article id=\"entry-1\">",
        "<bdi class=\"name\">Ada L.</bdi>",
        "What a fine jar\nindeed</p>",
        "<time datetime=\"2026-11-21T10:00:00Z\">2026-11-21</time>",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("Be the first!"));
}

#[test]
fn escapes_markup() {
    for text in [
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "'><img src=x onerror=alert(1)>",
        "</textarea><script>",
        "{{ draft.name }}",
        "&lt;b&gt;",
    ] {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        // Once as an entry, and once in the message about an invalid form.
        for content in [
            format!("name={encoded}&message={encoded}"),
            format!("name={encoded}&message="),
            format!("name=&message={encoded}"),
        ] {
            let memory = Memory::default();
            let empty = page(&memory, "/");
            let answered = ask(&memory, form(&content));
            let shown = match answered.status {
                303 => page(&memory, "/"),
                _ => text_of_mistake(answered),
            };
            assert!(
                !shown.contains("<script") && !shown.contains("<img"),
                "{shown}"
            );
            assert!(!shown.contains("\" onmouseover=\""), "{shown}");
            assert_eq!(
                shown.matches("</textarea>").count(),
                empty.matches("</textarea>").count()
            );
            let escaped = belljar_guest::escape(text).to_string();
            assert!(
                unified(&shown).contains(&unified(&escaped)),
                "{escaped} in {shown}"
            );
        }
    }
}

fn text_of_mistake(response: Response) -> String {
    assert_eq!(response.status, 422);
    text(response)
}

/// Two encodings of the same character.
fn unified(page: &str) -> String {
    let same = [
        ("&#34;", "&quot;"),
        ("&#38;", "&amp;"),
        ("&#60;", "&lt;"),
        ("&#62;", "&gt;"),
    ];
    same.iter().fold(page.to_owned(), |page, (number, name)| {
        page.replace(number, name)
    })
}

#[test]
fn refuses_empty_and_oversized_entries() {
    let memory = Memory::default();
    let long = "x".repeat(1001);
    for (content, status, word) in [
        ("name=&message=hello", 422, "who you are"),
        ("name=+%00+&message=hello", 422, "who you are"),
        ("name=Ada&message=", 422, "write a message"),
        ("name=Ada", 422, "write a message"),
        ("", 422, "who you are"),
        (
            &format!("name={}&message=hello", &long[..51]),
            422,
            "name is too long",
        ),
        (
            &format!("name=Ada&message={long}"),
            422,
            "message is too long",
        ),
        (
            &format!("name=Ada&message={}", "x".repeat(20_000)),
            413,
            "longer than",
        ),
        ("name=Ada&name=Bob&message=hello", 400, "duplicate"),
    ] {
        let response = ask(&memory, form(content));
        assert_eq!(response.status, status, "{content}");
        let shown = text(response);
        assert!(shown.contains(word), "{content}: {shown}");
    }
    // The page keeps the text that was typed.
    let shown = text(ask(&memory, form("name=&message=kept+words")));
    assert!(shown.contains("\nkept words</textarea>"), "{shown}");
    assert!(memory.0.borrow().is_empty(), "nothing of it was kept");

    let longest = format!(
        "name={}&message={}",
        "%F0%9F%AB%99".repeat(50),
        "%F0%9F%AB%99".repeat(1000)
    );
    assert_eq!(
        ask(&memory, form(&longest)).status,
        303,
        "the longest that is allowed"
    );
}

#[test]
fn removes_control_characters() {
    let draft = Draft {
        name: " A\u{0}d\na\u{7f} ".into(),
        message: "\r\n one\r\ntwo\tthree\u{1b}[31m\r\n".into(),
        mistake: None,
    };
    let entry = Entry::new(&draft, now()).expect("it is an entry");
    assert_eq!(
        (entry.name.as_str(), entry.message.as_str()),
        ("Ada", "one\ntwothree[31m")
    );
}

#[test]
fn refuses_forms_of_other_sites() {
    for (fields, status) in [
        (&[][..], 303),
        (
            &[
                ("Sec-Fetch-Site", "same-origin"),
                ("Origin", "http://localhost"),
            ],
            303,
        ),
        (&[("Sec-Fetch-Site", "none")], 303),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Sec-Fetch-Site", "same-site")], 403),
        (
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("Origin", "http://localhost"),
            ],
            403,
        ),
        (&[("Origin", "http://localhost")], 303),
        (&[("Origin", "https://localhost")], 303),
        (&[("Origin", "http://localhost:8081")], 403),
        (&[("Origin", "http://localhost.evil.example")], 403),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Origin", "")], 403),
    ] {
        let request = fields
            .iter()
            .fold(form("name=Ada&message=hello"), |request, (name, value)| {
                request.with_header(*name, *value)
            });
        assert_eq!(
            ask(&Memory::default(), request).status,
            status,
            "{fields:?}"
        );
    }
    let not_a_form =
        Request::post("/", "name=Ada&message=hello").with_header("Content-Type", "text/plain");
    assert_eq!(ask(&Memory::default(), not_a_form).status, 415);
}

#[test]
fn answers_other_paths_and_methods_with_errors() {
    let memory = Memory::default();
    for (method, target, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/style.css", 200),
        ("GET", "/?before=7", 200),
        ("GET", "/?before=18446744073709551615", 200),
        ("GET", "/?before=0", 200),
        ("GET", "/?before=x", 400),
        ("DELETE", "/", 405),
        ("POST", "/style.css", 405),
        ("GET", "/no/such/page", 404),
    ] {
        let response = ask(&memory, Request::new(method, target, ()));
        assert_eq!(response.status, status, "{method} {target}");
        let policy = response.headers.get("content-security-policy");
        let is_guarded = policy.is_some_and(|policy| policy.starts_with("default-src 'none'"));
        assert!(is_guarded, "{method} {target}");
    }
}

#[test]
fn shows_old_entries_on_other_pages_and_removes_the_oldest() {
    let memory = Memory::default();
    let book = Book::new(&memory);
    let entry = |number: u64| Entry {
        name: format!("guest {number}"),
        message: "hello".into(),
        written: number,
    };
    let all = KEPT + 5;
    for number in 1..=all {
        assert_eq!(book.add(&entry(number)).expect("it is kept"), number);
    }
    assert_eq!(
        memory.0.borrow().len() as u64,
        KEPT + 1,
        "the entries and the last one's number"
    );

    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = book.page(before).expect("the page can be read");
        assert!(page.entries.len() as u64 <= SHOWN);
        seen.extend(page.entries.iter().map(|(number, _)| *number));
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (6..=all).rev().collect::<Vec<_>>());

    // An unreadable entry does not affect the others.
    (&memory)
        .set(&format!("entry/{all}"), b"{")
        .expect("it is kept");
    (&memory)
        .delete(&format!("entry/{}", all - 1))
        .expect("it is gone");
    let page = book.page(None).expect("the page can be read");
    assert_eq!(
        page.entries.first().map(|(number, _)| *number),
        Some(all - 2)
    );
}
