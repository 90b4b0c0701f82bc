//! A test handler for wasi:http 0.3. The path chooses its behaviour. `test-proxy` does the same with 0.2.

mod files;
mod sockets;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter};
use wasip3::{spawn_local, wit_future, wit_stream};

struct Handler;

wasip3::http::service::export!(Handler);

static COUNT: AtomicU32 = AtomicU32::new(0);

type Answer = Result<Response, ErrorCode>;

impl Guest for Handler {
    async fn handle(request: Request) -> Answer {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number = |name| number(query, name);
        let pause_length = number("pause");
        match path {
            "/hello" => whole(200, &[], b"hello\n"),
            "/count" => {
                let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
                whole(200, &[], count.to_string().as_bytes())
            }
            "/head" => whole(200, &[], describe(&request).as_bytes()),
            "/status" => {
                let body = vec![b'x'; number("body") as usize];
                whole(number("code") as u16, &[], &body)
            }
            "/fields" => {
                let fields = [
                    ("x-one", "1"),
                    ("x-two", "2"),
                    ("x-one", "3"),
                    ("date", "never"),
                    ("server", "me"),
                    ("te", "x"),
                    ("trailer", "x"),
                ];
                whole(200, &fields, b"fields\n")
            }
            "/empty" => {
                let (_, trailers) = wit_future::new(|| Ok(None));
                Ok(Response::new(Fields::new(), None, trailers).0)
            }
            "/length" => {
                let length = number("declared").to_string();
                let content = vec![b'x'; number("written") as usize];
                reply(
                    200,
                    &[("content-length", &length)],
                    async move |mut body| {
                        pause(pause_length).await;
                        body.write(&content).await;
                        pause(pause_length).await;
                        body.finish(None);
                    },
                )
            }
            "/echo" => {
                let mut reader = Reader::of(request);
                reply(200, &[], async move |mut body| {
                    while let Some(bytes) = reader.read().await {
                        body.write(&bytes).await;
                    }
                    body.finish(reader.trailers().await);
                })
            }
            // One event for each piece of the request's body, sent when the piece has arrived.
            "/events" => {
                let mut reader = Reader::of(request);
                let fields = [("content-type", "text/event-stream")];
                reply(200, &fields, async move |mut body| {
                    body.write(b"data: ready\n\n").await;
                    while let Some(bytes) = reader.read().await {
                        let event = format!("data: {}\n\n", bytes.len());
                        body.write(event.as_bytes()).await;
                    }
                    body.finish(None);
                })
            }
            "/big" => {
                let pieces = number("n") / 10_000;
                reply(200, &[], async move |mut body| {
                    for _ in 0..pieces {
                        body.write(&[b'x'; 10_000]).await;
                    }
                    body.finish(None);
                })
            }
            "/trailers" => reply(200, &[], async move |mut body| {
                body.write(b"content").await;
                pause(pause_length).await;
                let trailers = [
                    ("x-checksum".into(), b"7".to_vec()),
                    ("content-length".into(), b"1".to_vec()),
                    ("set-cookie".into(), b"a=b".to_vec()),
                ];
                body.finish(Some(Fields::from_list(&trailers).unwrap()));
            }),
            // Streams the response of another server.
            "/forward" => forward(text(query, "to")).await,
            "/trap" => trap(),
            "/trap-after-head" => reply(200, &[], async move |mut body| {
                body.write(b"some").await;
                pause(pause_length).await;
                trap();
            }),
            "/panic-at-reading" => {
                let mut reader = Reader::of(request);
                reply(200, &[], async move |mut body| {
                    body.write(&reader.read().await.unwrap_or_default()).await;
                    panic!("this is enough");
                })
            }
            "/error-code" => Err(ErrorCode::LoopDetected),
            "/unfinished" => reply(200, &[], async move |mut body| {
                body.write(b"some").await;
                pause(pause_length).await;
                body.fail();
            }),
            "/loop" => endless(),
            "/loop-after-head" => reply(200, &[], async move |mut body| {
                body.write(b"some").await;
                endless();
            }),
            "/wait" => {
                pause(FOR_EVER).await;
                whole(200, &[], b"")
            }
            "/wait-after-head" => reply(200, &[], async move |mut body| {
                body.write(b"some").await;
                pause(FOR_EVER).await;
                body.finish(None);
            }),
            "/after" => reply(200, &[], async move |mut body| {
                body.write(b"done").await;
                body.finish(None);
                pause(pause_length).await;
                println!("after the response");
            }),
            // Waits until another request reaches the same instance.
            "/meet" => {
                let before = COUNT.fetch_add(1, Ordering::Relaxed);
                while before.is_multiple_of(2) && COUNT.load(Ordering::Relaxed) == before + 1 {
                    pause(1).await;
                }
                whole(200, &[], b"met")
            }
            "/print" => {
                println!("to the output");
                eprintln!("to the errors");
                let environment = wasip3::cli::environment::get_environment();
                let greeting = environment.iter().find(|(name, _)| name == "GREETING");
                let greeting = greeting.map_or("", |(_, value)| value);
                whole(200, &[], greeting.as_bytes())
            }
            "/file" => {
                let content = file().await;
                whole(200, &[], &content)
            }
            "/open" => whole(200, &[], files::open(text(query, "path")).await.as_bytes()),
            "/list" => whole(200, &[], files::list(number("n")).await.as_bytes()),
            "/write" => {
                let (parts, length) = (number("n"), number("length") as usize);
                whole(200, &[], files::write(parts, length).await.as_bytes())
            }
            "/advise" => whole(200, &[], files::advise(number("n")).await.as_bytes()),
            "/change" => whole(200, &[], files::change().await.as_bytes()),
            // Holds streams or tasks, all at the same time.
            "/streams" => {
                let streams: Vec<_> = (0..number("n")).map(|_| wit_stream::new::<u8>()).collect();
                whole(200, &[], format!("{} streams", streams.len()).as_bytes())
            }
            "/tasks" => {
                let tasks = (0..number("n")).map(|_| Box::pin(pause(pause_length)));
                files::all(tasks.collect()).await;
                whole(200, &[], b"all are over")
            }
            "/outbound" => {
                let outcome = outbound().await;
                whole(200, &[], outcome.as_bytes())
            }
            "/tcp" => whole(200, &[], sockets::tcp(text(query, "to")).await.as_bytes()),
            "/listen" => whole(200, &[], sockets::listen().as_bytes()),
            "/socket" => {
                let outcome = std::net::TcpStream::connect("127.0.0.1:9").map(|_| ());
                whole(200, &[], format!("{outcome:?}").as_bytes())
            }
            _ => whole(404, &[], b""),
        }
    }
}

fn number(query: &str, name: &str) -> u64 {
    text(query, name).parse().unwrap_or(0)
}

fn text<'a>(query: &'a str, name: &str) -> &'a str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
    value.unwrap_or_default()
}

fn describe(request: &Request) -> String {
    let mut text = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n",
        request.get_method(),
        request.get_scheme(),
        request.get_authority(),
        request.get_path_with_query()
    );
    for (name, value) in request.get_headers().copy_all() {
        text.push_str(&format!("{name}: {}\n", value.escape_ascii()));
    }
    text
}

/// Reads a file with WASI 0.3; the standard library uses 0.2.
async fn file() -> Vec<u8> {
    use wasip3::filesystem::preopens::get_directories;
    use wasip3::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
    let Some((folder, _)) = get_directories().into_iter().next() else {
        return b"no folder".to_vec();
    };
    let flags = (
        PathFlags::empty(),
        OpenFlags::empty(),
        DescriptorFlags::READ,
    );
    match folder
        .open_at(flags.0, "page.txt".into(), flags.1, flags.2)
        .await
    {
        Ok(file) => file.read_via_stream(0).0.collect().await,
        Err(code) => format!("{code:?}").into_bytes(),
    }
}

async fn forward(authority: &str) -> Answer {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some("/")).unwrap();
    client::send(request).await
}

async fn outbound() -> String {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some("127.0.0.1:9")).unwrap();
    request.set_path_with_query(Some("/")).unwrap();
    format!(
        "{:?}",
        client::send(request)
            .await
            .map(|response| response.get_status_code())
    )
}

fn whole(status: u16, fields: &[(&str, &str)], content: &[u8]) -> Answer {
    let content = content.to_vec();
    reply(status, fields, async move |mut body| {
        body.write(&content).await;
        body.finish(None);
    })
}

/// Returns the response at once; `body` is written afterwards.
fn reply<B>(status: u16, fields: &[(&str, &str)], body: B) -> Answer
where
    B: AsyncFnOnce(Writer) + 'static,
{
    let list: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let (content, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let fields = Fields::from_list(&list).unwrap();
    let (response, _transmitted) = Response::new(fields, Some(contents), trailers);
    response.set_status_code(status).unwrap();
    spawn_local(async move { body(Writer { content, end }).await });
    Ok(response)
}

type End = Result<Option<Trailers>, ErrorCode>;

struct Writer {
    content: StreamWriter<u8>,
    end: FutureWriter<End>,
}

impl Writer {
    /// Writes until the host accepts no more.
    async fn write(&mut self, content: &[u8]) {
        self.content.write_all(content.to_vec()).await;
    }

    fn finish(self, trailers: Option<Trailers>) {
        drop(self.content);
        spawn_local(async move { self.end.write(Ok(trailers)).await });
    }

    fn fail(self) {
        drop(self.content);
        spawn_local(async move { self.end.write(Err(ErrorCode::HttpProtocolError)).await });
    }
}

struct Reader {
    content: StreamReader<u8>,
    trailers: FutureReader<End>,
}

impl Reader {
    fn of(request: Request) -> Self {
        let (_, processed) = wit_future::new(|| Ok(()));
        let (content, trailers) = Request::consume_body(request, processed);
        Self { content, trailers }
    }

    /// Returns the bytes that have arrived; None at the end or after an error.
    async fn read(&mut self) -> Option<Vec<u8>> {
        match self.content.read(Vec::with_capacity(64 * 1024)).await {
            (StreamResult::Complete(_), bytes) => Some(bytes),
            (_, bytes) if !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }

    async fn trailers(self) -> Option<Trailers> {
        drop(self.content);
        self.trailers.await.ok()?
    }
}

async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        wait_for(milliseconds * 1_000_000).await;
    }
}

fn endless() -> ! {
    loop {
        black_box(());
    }
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// In milliseconds.
const FOR_EVER: u64 = 1 << 40;
