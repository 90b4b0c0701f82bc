//! A running server, which is killed when the value is dropped.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::cgroup::Cgroup;
use super::client::{Client, Response, WAIT_LIMIT};
use super::program::{belljar, component, program, wait, with_cache};
use super::{head, site::Site};

/// The options of a server, which listens on a free port of 127.0.0.1.
pub struct ServerOptions {
    command: Command,
}

impl ServerOptions {
    fn of(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments that are separated by white space.
    pub fn args(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split_whitespace());
        self
    }

    pub fn handler(self, component_name: &str) -> Self {
        let path = component(component_name);
        self.arg("--handler").arg(path)
    }

    /// Grants the guest a folder: `suffix` is `::/name` or `::/name:rw`.
    pub fn dir(self, host: &Path, suffix: &str) -> Self {
        let mut grant = OsString::from(host);
        grant.push(suffix);
        self.arg("--dir").arg(grant)
    }

    /// Changes how the process is started.
    pub fn command(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub fn start(mut self) -> Server {
        let mut child = self.command.spawn().expect("the program starts");
        let lines = lines_of(child.stdout.take().expect("the output is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        collect(
            child.stderr.take().expect("the errors are piped"),
            Arc::clone(&log),
        );
        let mut server = Server {
            child,
            log,
            lines: Mutex::new(lines),
            address: ([127, 0, 0, 1], 0).into(),
            url: String::new(),
        };
        server.url = server.next_line();
        server.address = address_of(&server.url).unwrap_or_else(|| {
            panic!(
                "the first line is not a URL: {:?}; log:\n{}",
                server.url,
                server.log()
            )
        });
        server
    }
}

pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    lines: Mutex<Receiver<String>>,
    pub address: SocketAddr,
    /// The first line of the output.
    pub url: String,
}

impl Server {
    /// The options of a server without further arguments.
    pub fn options() -> ServerOptions {
        ServerOptions::of(belljar()).args("serve --listen 127.0.0.1:0")
    }

    /// Like [`options`](Self::options), under a limit of the system, such as `-v 1000000`, in the notation of the shell's
    /// `ulimit`.
    pub fn options_under(limit: &str) -> ServerOptions {
        let script = format!("ulimit {limit} && exec \"$0\" serve --listen 127.0.0.1:0 \"$@\"");
        ServerOptions::of(with_cache("sh"))
            .arg("-c")
            .arg(script)
            .arg(program())
    }

    /// Like [`of_config`](Self::of_config), in a cgroup.
    pub fn of_config_in(cgroup: &Cgroup, file: &Path) -> ServerOptions {
        let script = "echo $$ > \"$0\" && exec \"$@\"";
        ServerOptions::of(with_cache("sh"))
            .arg("-c")
            .arg(script)
            .arg(cgroup.processes())
            .arg(program())
            .args("serve --config")
            .arg(file)
    }

    /// The options of `belljar dev` in the folder of a project, on a free port.
    pub fn of_project(folder: &Path) -> ServerOptions {
        Self::of_project_at_default_port(folder).args("--listen 127.0.0.1:0")
    }

    /// Like [`of_project`](Self::of_project), on the port that the program chooses.
    pub fn of_project_at_default_port(folder: &Path) -> ServerOptions {
        ServerOptions::of(belljar()).arg("dev").command(|command| {
            command.current_dir(folder);
        })
    }

    /// The options of a server with a config file, which also sets the address.
    pub fn of_config(file: &Path) -> ServerOptions {
        ServerOptions::of(belljar())
            .args("serve --config")
            .arg(file)
    }

    /// Waits until the answer to a GET is this text with status 200.
    pub fn wait_for_text(&self, target: &str, text: &str) {
        self.wait_for(target, text, |answer| {
            answer.status == 200 && answer.text() == text
        });
    }

    /// Waits until the answer to a GET has this status.
    pub fn wait_for_status(&self, target: &str, status: u16) {
        self.wait_for(target, &status.to_string(), |answer| {
            answer.status == status
        });
    }

    fn wait_for(&self, target: &str, what: &str, wanted: impl Fn(&Response) -> bool) {
        let begin = Instant::now();
        loop {
            let answer = self.get(target);
            if wanted(&answer) {
                return;
            }
            assert!(
                begin.elapsed() < WAIT_LIMIT,
                "the answer to {target} never became {what}; it is {} {}; log:\n{}",
                answer.status,
                answer.text(),
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A server of the files in `site`.
    pub fn of_site(site: &Site) -> Server {
        Server::options().arg(site.path()).start()
    }

    /// A server of the example `untrusted`, with further arguments.
    pub fn of_untrusted(arguments: &str) -> Server {
        Server::options()
            .handler("untrusted")
            .args(arguments)
            .start()
    }

    /// A server of the example `untrusted` with default limits, shared by the tests that run at the same time.
    pub fn shared() -> Arc<Server> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::of_untrusted(""));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The answer to one request on a connection of its own.
    pub fn request(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        self.exchange(head(method, target, fields).as_bytes())
    }

    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[])
    }

    /// The first answer to these bytes.
    pub fn exchange(&self, bytes: &[u8]) -> Response {
        let mut client = self.connect();
        client.send(bytes);
        client.response_to(bytes)
    }

    /// Fails unless the server still answers `/hello`, which the example `untrusted` has.
    pub fn assert_alive(&self, after: &str) {
        let answer = self.get("/hello");
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "hello\n"),
            "after {after}: log:\n{}",
            self.log()
        );
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panicked").clone()
    }

    /// Waits until the log has a line for which `wanted` holds, and returns it.
    pub fn wait_for_log(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| wanted(line)) {
                return line.to_owned();
            }
            assert!(
                begin.elapsed() < WAIT_LIMIT,
                "the log never had {what}:\n{log}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The next line of the standard output.
    pub fn next_line(&self) -> String {
        let line = self
            .lines
            .lock()
            .expect("no reader panicked")
            .recv_timeout(Duration::from_secs(60));
        match line {
            Ok(line) => line,
            Err(error) => panic!("no further line of output ({error}); log:\n{}", self.log()),
        }
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has no more than `most` open files.
    #[cfg(target_os = "linux")]
    pub fn wait_for_open_files(&self, most: usize, after: &str) {
        let begin = Instant::now();
        loop {
            let open = self.open_files();
            if open <= most {
                return;
            }
            assert!(
                begin.elapsed() < WAIT_LIMIT,
                "{open} files are open after {after}, and {most} were open before"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the process has a thread of this name.
    #[cfg(target_os = "linux")]
    pub fn wait_for_thread(&self, name: &str) {
        let begin = Instant::now();
        loop {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.process_id()));
            let mut threads = threads.expect("the process is there").flatten();
            let is_wanted = |thread: std::fs::DirEntry| {
                std::fs::read_to_string(thread.path().join("comm"))
                    .is_ok_and(|found| found.trim_end() == name)
            };
            if threads.any(is_wanted) {
                return;
            }
            assert!(begin.elapsed() < WAIT_LIMIT, "no thread {name} was started");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The number of threads of the process.
    #[cfg(target_os = "linux")]
    pub fn threads(&self) -> usize {
        let folder = format!("/proc/{}/task", self.process_id());
        std::fs::read_dir(folder)
            .expect("the process is there")
            .count()
    }

    #[cfg(target_os = "linux")]
    pub fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process_id());
        std::fs::read_dir(folder)
            .expect("the process is there")
            .count()
    }

    /// The resident memory of the process in bytes.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        self.memory_as("VmRSS:")
    }

    /// The largest resident memory of the process so far, in bytes.
    #[cfg(target_os = "linux")]
    pub fn most_memory(&self) -> u64 {
        self.memory_as("VmHWM:")
    }

    #[cfg(target_os = "linux")]
    fn memory_as(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id()))
            .expect("the process is there");
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("the system says how much memory a process has") * 1024
    }

    /// The processor time that the process itself used so far, without the processes that it started.
    #[cfg(target_os = "linux")]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process_id()))
            .expect("the process is there");
        // The name of the program stands in parentheses, and may have spaces itself (proc_pid_stat(5)).
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_secs(ticks)
            / u32::try_from(rustix::param::clock_ticks_per_second()).expect("a small number")
    }

    /// Waits for the process to end by itself, and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        match wait(&mut self.child, Duration::from_secs(60)) {
            Some(code) => code,
            None => panic!("the server did not end; log:\n{}", self.log()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server of the example `untrusted` whose log is not read. The caller ends the process.
pub fn start_unread(arguments: &[&str]) -> (SocketAddr, Child) {
    let mut options = Server::options().handler("untrusted");
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    options.command.args(arguments).stderr(writer);
    let mut child = options.command.spawn().expect("the program starts");
    // The pipe stays open as long as this process lives: otherwise writing to it would fail.
    std::mem::forget(reader);
    let lines = lines_of(child.stdout.take().expect("the output is piped"));
    let url = lines.recv_timeout(WAIT_LIMIT).expect("a line of output");
    let address = address_of(&url).expect("the first line is a URL");
    (address, child)
}

/// The address in a URL such as `http://127.0.0.1:8080/`.
fn address_of(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("http://")?
        .trim_end_matches('/')
        .parse()
        .ok()
}

fn lines_of(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn collect(pipe: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            log.lock()
                .expect("no reader panicked")
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}
