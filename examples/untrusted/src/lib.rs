//! Good and bad behaviour, chosen by the first segment of the request's path.
//!
//! The server's tests use this handler to check what happens when a handler misbehaves. `README.md` lists the attacks and
//! their responses.

mod bodies;
mod exhaustion;
mod files;
mod hostcalls;
mod inspection;
mod query;
mod replies;

wit_bindgen::generate!({
    inline: "
        package belljar:untrusted;

        world untrusted {
            include belljar:handler/handler@0.1.0;
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:random/random@0.2.12;
        }

        package wasi:random@0.2.12 {
            interface random {
                get-random-bytes: func(len: u64) -> list<u8>;
                get-random-u64: func() -> u64;
            }
        }
    ",
    path: "../../wit",
    world: "belljar:untrusted/untrusted",
    generate_all,
});

use belljar::handler::types::{Body, File};
use query::Query;

struct Untrusted;

impl Guest for Untrusted {
    fn handle(request: Request) -> Response {
        let query = Query::of(&request);
        let first_segment = request.path.split('/').nth(1).unwrap_or_default();
        match first_segment {
            "hello" => text("hello\n"),
            "headers" => inspection::headers(&request),
            "env" => inspection::env(),
            "clock" => inspection::clock(),
            "random" => inspection::random(),
            "count" => inspection::count(),
            "print" => inspection::print(),
            "sockets" => inspection::sockets(&query),

            "echo" => bodies::echo(request),
            "ignore-body" => bodies::ignore(),
            "read-first-byte" => bodies::read_first_byte(request),
            "read-slowly" => bodies::read_slowly(request, &query),
            "trap-mid-body" => bodies::trap_in_the_middle(request),
            "loop-after-read" => bodies::loop_after_read(request),
            "keep-body" => bodies::keep(request),
            "drop-body" => bodies::drop_unread(request),
            "read-all-at-once" => bodies::read_all_at_once(request),

            "loop" => exhaustion::run_for_ever(),
            "sleep" => exhaustion::sleep(&query),
            "memory" => exhaustion::allocate(),
            "memory-trap" => exhaustion::allocate_or_trap(),
            "memory-report" => exhaustion::grow_memory(),
            "recursion" => exhaustion::recurse(),
            "flood-stdout" => exhaustion::flood_stdout(),
            "open-many" => exhaustion::open_many(&query),
            "spawn-many-pollables" => exhaustion::spawn_many_pollables(),
            "print-lines" => exhaustion::print_lines(&query),
            "long-panic" => panic!(
                "{}",
                "long story\n".repeat(query.number("n").unwrap_or(100_000) as usize)
            ),
            "trap" => exhaustion::trap(),
            "panic" => panic!("the handler panics, as it was asked to"),
            "exit" => std::process::exit(query.number("code").unwrap_or(0) as i32),

            "busy-poll" => hostcalls::poll_without_end(),
            "naps" => hostcalls::nap_without_end(),
            "tiny-calls" => hostcalls::call_without_end(),
            "poll-list" => hostcalls::poll_a_long_list(&query),
            "random-bytes" => hostcalls::random_bytes(&query),
            "huge-reads" => hostcalls::read_with_huge_lengths(&query),
            "list-folder" => hostcalls::list_folder(&query),

            "status" => replies::status(&query),
            "no-body-status" => replies::content_where_there_is_none(),
            "content-length-lie" => replies::wrong_length(&query),
            "crlf" => replies::response_splitting(),
            "bad-name" => replies::bad_name(),
            "framing" => replies::framing_fields(),
            "mixed-case" => replies::mixed_case(),
            "empty-of-length" => replies::empty_of_length(&query),
            "many-headers" => replies::many_headers(&query),
            "big-headers" => replies::big_headers(&query),
            "big-body" => replies::big_body(&query),

            "file" => files::open_file(&query),
            "past-the-end" => files::past_the_end(&query),
            "shrinking-file" => files::shrink_then_answer(&query),
            "directory-handle" => files::directory(),
            "write-only" => files::write_only(&query),
            "fifo" => files::read_fifo(&query),
            "fifo-for-writing" => files::write_fifo(&query),
            "across" => files::across_folders(),
            "planted-link" => files::follow_own_link(&query),
            "impossible-times" => files::impossible_times(&query),
            "write" => files::write(&query),
            "escape" => files::escape(),
            _ => reply(404, "no such attack\n"),
        }
    }
}

export!(Untrusted);

/// Creates a 200 response with text.
fn text(body: impl Into<Vec<u8>>) -> Response {
    reply(200, body)
}

/// Creates a response with text and a status.
fn reply(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response {
        status,
        headers: vec![header("Content-Type", "text/plain; charset=utf-8")],
        body: Body::Bytes(body.into()),
    }
}

fn header(name: &str, value: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.into(), value.into())
}
