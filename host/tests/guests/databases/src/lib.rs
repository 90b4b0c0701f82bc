//! A test handler that uses databases through their ordinary drivers, over TCP sockets.

mod postgres;

wit_bindgen::generate!({ path: "../../../../wit", world: "handler", generate_all });

use belljar::handler::types::Body;

struct Databases;

impl Guest for Databases {
    /// The path is that of an operation, and the query is the address of the server.
    fn handle(request: Request) -> Response {
        let server = request.query.unwrap_or_default();
        let outcome = match request.path.as_str() {
            "/redis" => redis(&server).map_err(|error| error.to_string()),
            "/postgres" => postgres::run(&server),
            _ => Err("no such operation".into()),
        };
        let (status, text) = match outcome {
            Ok(text) => (200, text),
            Err(text) => (502, text),
        };
        Response {
            status,
            headers: vec![("Content-Type".into(), b"text/plain".to_vec())],
            body: Body::Bytes((text + "\n").into_bytes()),
        }
    }
}

/// Counts in a Redis server at `redis://HOST:PORT`, with a transaction and a list.
fn redis(url: &str) -> redis::RedisResult<String> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let (count, length): (u64, u64) = redis::pipe()
        .atomic()
        .incr("count", 1)
        .rpush("seen", "a request")
        .query(&mut connection)?;
    let seen: Vec<String> = redis::cmd("LRANGE")
        .arg("seen")
        .arg(0)
        .arg(-1)
        .query(&mut connection)?;
    Ok(format!(
        "count {count}, {length} in the list, last {:?}",
        seen.last()
    ))
}

export!(Databases);
