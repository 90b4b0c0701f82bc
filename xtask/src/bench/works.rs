//! The works: the kinds of requests that are measured.

/// One kind of request under one kind of load.
pub struct Work {
    /// The name for `--only`.
    pub name: &'static str,
    pub title: &'static str,
    pub task: Task,
    pub path: &'static str,
    pub connections: u32,
    pub requests: RequestKind,
}

/// What a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// The page of examples/hello, at every path.
    Page,
    /// The handler that `belljar new --lang rust` writes, as each build of belljar writes it.
    Template,
    /// The files of a folder.
    Files,
    /// The handlers of bench/guests/work: `/echo`, `/loop`, `/sleep`, and a hello at other paths.
    Handlers,
}

/// The kind of requests that the load generator sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A GET with only a Host field. The client sends the next request when it has received the answer.
    Plain,
    /// Like `Plain`, but on a new connection each time.
    NewConnections,
    /// Sixteen requests in one write.
    Pipelined,
    /// Twenty fields like those of a browser behind a proxy, about 900 bytes.
    TwentyFields,
    /// A POST of 10,000 bytes.
    Post,
}

impl RequestKind {
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::NewConnections,
        Self::Pipelined,
        Self::TwentyFields,
        Self::Post,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::NewConnections => "new-connections",
            Self::Pipelined => "pipelined",
            Self::TwentyFields => "twenty-fields",
            Self::Post => "post",
        }
    }

    /// The script for wrk.
    pub fn script(self) -> String {
        let requests = match self {
            Self::Plain => "",
            Self::NewConnections => "wrk.headers['Connection'] = 'close'\n",
            Self::Pipelined => PIPELINED,
            Self::TwentyFields => TWENTY_FIELDS,
            Self::Post => POST,
        };
        format!("{requests}{DONE}")
    }
}

const fn page(
    name: &'static str,
    title: &'static str,
    connections: u32,
    requests: RequestKind,
) -> Work {
    Work {
        name,
        title,
        task: Task::Page,
        path: "/",
        connections,
        requests,
    }
}

const fn file(name: &'static str, title: &'static str, path: &'static str) -> Work {
    Work {
        name,
        title,
        task: Task::Files,
        path,
        connections: 32,
        requests: RequestKind::Plain,
    }
}

pub const ALL: [Work; 11] = [
    page(
        "hello",
        "hello from a handler, 32 connections",
        32,
        RequestKind::Plain,
    ),
    page("hello-1", "hello, 1 connection", 1, RequestKind::Plain),
    page(
        "hello-256",
        "hello, 256 connections",
        256,
        RequestKind::Plain,
    ),
    page(
        "hello-new",
        "hello, a new connection for each request, 32 at a time",
        32,
        RequestKind::NewConnections,
    ),
    page(
        "hello-pipelined",
        "hello, 16 requests pipelined, 32 connections",
        32,
        RequestKind::Pipelined,
    ),
    page(
        "hello-fields",
        "hello, requests with 20 header fields, 32 connections",
        32,
        RequestKind::TwentyFields,
    ),
    Work {
        name: "template",
        title: "the handler of `belljar new --lang rust`, 32 connections",
        task: Task::Template,
        path: "/",
        connections: 32,
        requests: RequestKind::Plain,
    },
    file(
        "file-1kB",
        "a file of 1,000 bytes, 32 connections",
        "/1kB.txt",
    ),
    file(
        "file-100kB",
        "a file of 100,000 bytes, 32 connections",
        "/100kB.bin",
    ),
    file(
        "file-10MB",
        "a file of 10,000,000 bytes, 32 connections",
        "/10MB.bin",
    ),
    Work {
        name: "echo",
        title: "a POST of 10,000 bytes, echoed, 32 connections",
        task: Task::Handlers,
        path: "/echo",
        connections: 32,
        requests: RequestKind::Post,
    },
];

/// Names and sizes of the files, in bytes.
pub const FILES: [(&str, usize); 3] = [
    ("1kB.txt", 1_000),
    ("100kB.bin", 100_000),
    ("10MB.bin", 10_000_000),
];

/// Requests pipelined in one write.
const PIPELINED: &str = "
local batch
function init(args)
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format() end
  batch = table.concat(requests)
end
function request() return batch end
";

const POST: &str = "
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'text/plain; charset=utf-8'
wrk.body = string.rep('0123456789', 1000)
";

/// Twenty fields, with the Host field that wrk adds. Without Accept-Encoding, so that no server compresses.
const TWENTY_FIELDS: &str = "
wrk.headers['User-Agent'] = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
wrk.headers['Accept'] = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
wrk.headers['Accept-Language'] = 'en-GB,en;q=0.9,de;q=0.8'
wrk.headers['Cache-Control'] = 'no-cache'
wrk.headers['Pragma'] = 'no-cache'
wrk.headers['Cookie'] = 'session=0123456789abcdef0123456789abcdef; theme=dark; consent=necessary'
wrk.headers['DNT'] = '1'
wrk.headers['Priority'] = 'u=0, i'
wrk.headers['Referer'] = 'http://www.example.org/from/some/page?with=a&query=1'
wrk.headers['Sec-Ch-Ua'] = '\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"'
wrk.headers['Sec-Ch-Ua-Mobile'] = '?0'
wrk.headers['Sec-Ch-Ua-Platform'] = '\"Linux\"'
wrk.headers['Sec-Fetch-Dest'] = 'document'
wrk.headers['Sec-Fetch-Mode'] = 'navigate'
wrk.headers['Sec-Fetch-Site'] = 'same-origin'
wrk.headers['Upgrade-Insecure-Requests'] = '1'
wrk.headers['X-Forwarded-For'] = '192.0.2.7, 198.51.100.2'
wrk.headers['X-Forwarded-Proto'] = 'https'
wrk.headers['X-Request-Id'] = '5f0c2c1e-8a4b-4f27-9d5b-0d4f3a1c9e77'
";

/// Prints a line of figures at the end: requests, microseconds, percentiles of the latency in microseconds, errors.
const DONE: &str = "
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('FIGURES %d %d %d %d %d %d\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.read + e.write + e.status + e.timeout))
end
";
