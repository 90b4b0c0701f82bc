//! A test handler that uses grants: requests to other servers, configuration, a key-value store.
//!
//! The path chooses the operation, the query has its arguments, and the response is text.

mod fetch;
mod keyvalue;
mod other_hosts;
mod query;

wit_bindgen::generate!({
    inline: "
        package belljar:grants;

        world grants {
            include belljar:handler/handler@0.1.0;
            include wasi:keyvalue/imports@0.2.0-draft;
            include wasi:keyvalue/imports@0.2.0-draft2;
            include belljar:spin/spin2;
            import wasi:http/outgoing-handler@0.2.12;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:config/store@0.2.0-draft-2024-09-27;
            import wasi:config/runtime@0.2.0-draft;
            import wasi:logging/logging;
        }

        package wasi:config@0.2.0-rc.1 {
            interface store {
                variant error {
                    upstream(string),
                    io(string),
                }
                get: func(key: string) -> result<option<string>, error>;
                get-all: func() -> result<list<tuple<string, string>>, error>;
            }
        }

        package wasi:config@0.2.0-draft-2024-09-27 {
            interface store {
                variant error {
                    upstream(string),
                    io(string),
                }
                get: func(key: string) -> result<option<string>, error>;
                get-all: func() -> result<list<tuple<string, string>>, error>;
            }
        }

        package wasi:config@0.2.0-draft {
            interface runtime {
                variant config-error {
                    upstream(string),
                    io(string),
                }
                get: func(key: string) -> result<option<string>, config-error>;
                get-all: func() -> result<list<tuple<string, string>>, config-error>;
            }
        }

        package wasi:logging {
            interface logging {
                enum level { trace, debug, info, warn, error, critical }
                log: func(level: level, context: string, message: string);
            }
        }
    ",
    path: ["../../../../wit", "../../../sandbox/wit/keyvalue", "../../../sandbox/wit/keyvalue-draft2", "../../../sandbox/wit/spin", "wit"],
    world: "belljar:grants/grants",
    generate_all,
});

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpStream, ToSocketAddrs};

use belljar::handler::types::Body;
use query::Query;
use wasi::config0_2_0_rc_1::store as config;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{Advice, DescriptorFlags, OpenFlags, PathFlags};

struct Grants;

impl Guest for Grants {
    fn handle(request: Request) -> Response {
        let query = Query::of(&request);
        let outcome = match request.path.as_str() {
            "/fetch" => fetch::fetch(&query),
            "/fetch-many" => fetch::fetch_many(&query),
            "/count" => fetch::count(&query),
            "/leave" => fetch::leave(&query),
            "/tcp" => tcp(query.text("to")),
            "/lookup" => lookup(query.text("name")),
            "/tcp-many" => Ok(tcp_many(&query)),
            "/write" => write(&query),
            "/advise" => advise(&query),
            "/config" => Ok(format!("{:?}\n", config::get(query.text("name")))),
            "/config-all" => {
                let mut all = config::get_all().expect("the configuration is there");
                all.sort();
                Ok(format!("{all:?}\n"))
            }
            path => match path[1..].split_once('/') {
                Some(("kv", operation)) => keyvalue::run(operation, &query),
                Some(("others", operation)) => other_hosts::run(operation, &query),
                _ => Err("no such thing".into()),
            },
        };
        let (status, text) = match outcome {
            Ok(text) => (200, text),
            Err(text) => (502, text),
        };
        Response {
            status,
            headers: vec![("Content-Type".into(), b"text/plain".to_vec())],
            body: Body::Bytes(text.into_bytes()),
        }
    }
}

/// Connects to a server and returns the first text that it sends.
fn tcp(to: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(to).map_err(|error| error.kind().to_string())?;
    let mut said = String::new();
    let read = stream.read_to_string(&mut said);
    read.map_err(|error| error.kind().to_string())?;
    Ok(said)
}

/// Looks a name up, and returns its addresses.
fn lookup(name: &str) -> Result<String, String> {
    let found = (name, 0).to_socket_addrs();
    let found = found.map_err(|error| format!("{error}\n"))?;
    Ok(found.map(|address| format!("{}\n", address.ip())).collect())
}

/// Connects to a server up to `count` times at once. Returns the number of connections, and the error that ended it.
fn tcp_many(query: &Query) -> String {
    let mut streams = Vec::new();
    for _ in 0..query.number("count").unwrap_or(1) {
        match TcpStream::connect(query.text("to")) {
            Ok(stream) => streams.push(stream),
            Err(error) => return format!("{} connections, then {error}\n", streams.len()),
        }
    }
    format!("{} connections\n", streams.len())
}

/// Has the system read the file `sparse` ahead, and forget it again, `n` times: much work for the system, and little for the
/// guest.
fn advise(query: &Query) -> Result<String, String> {
    let (root, _) = get_directories().into_iter().next().ok_or("no folder")?;
    let (path, flags) = (PathFlags::empty(), DescriptorFlags::READ);
    let opened = root.open_at(path, "sparse", OpenFlags::empty(), flags);
    let file = opened.map_err(|code| format!("{code:?}\n"))?;
    for _ in 0..query.number("n").unwrap_or(1) {
        for advice in [Advice::WillNeed, Advice::DontNeed] {
            file.advise(0, 0, advice)
                .map_err(|code| format!("{code:?}\n"))?;
        }
    }
    Ok("advised\n".into())
}

/// Writes `length` bytes `count` times to the start of the file `path`.
fn write(query: &Query) -> Result<String, String> {
    let bytes = vec![b'x'; query.number("length").unwrap_or(1) as usize];
    let mut file = File::create(query.text("path")).map_err(|error| format!("{error}\n"))?;
    for _ in 0..query.number("count").unwrap_or(1) {
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&bytes));
        written.map_err(|error| format!("{error}\n"))?;
    }
    Ok("written\n".into())
}

export!(Grants);
