//! Executes the steps of a document.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::document::Commands;
use crate::output::is_printed;
use crate::support::{Client, WAIT_LIMIT, wait};
use crate::terminal;

/// The terminals of one reader.
pub struct Session {
    /// Where each terminal begins.
    top: PathBuf,
    /// The folder of the last command.
    folder: PathBuf,
    /// Whether commands are run in the repository itself, whose build products they use.
    is_checkout: bool,
    /// The port in place of 8080.
    port: u16,
    server: Option<Running>,
    /// What was printed since the section began.
    printed: Arc<Mutex<String>>,
    section: String,
    /// Scratch files, among them the programs of the terminal.
    work: TempDir,
}

impl Session {
    /// Begins in a folder that contains nothing but a copy of the repository, as the folder `belljar`.
    pub fn in_scratch_folder(repository: &Path) -> Session {
        let session = Session::new(|work| work.join("work"));
        fs::create_dir(&session.top).expect("a folder can be created");
        let copy = "mkdir belljar; tar -c --exclude ./target --exclude ./.git -C \"$1\" . | tar -x -C belljar";
        let mut shell = terminal::shell(copy, &session.top, &session.programs());
        let status = shell.arg("copy").arg(repository).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the repository is copied"
        );
        session
    }

    pub fn in_checkout(repository: &Path) -> Session {
        let mut session = Session::new(|_| repository.to_owned());
        session.is_checkout = true;
        session
    }

    fn new(top: impl FnOnce(&Path) -> PathBuf) -> Session {
        let work = TempDir::with_prefix("belljar-docs-").expect("a temporary folder");
        let top = top(work.path());
        terminal::set_up(&work.path().join("programs"));
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Session {
            folder: top.clone(),
            top,
            is_checkout: false,
            port: free.expect("a free port").port(),
            server: None,
            printed: Arc::default(),
            section: String::new(),
            work,
        }
    }

    /// Opens a new terminal for a section.
    pub fn begin(&mut self, section: &str) {
        self.folder.clone_from(&self.top);
        self.printed().clear();
        self.section = section.to_owned();
    }

    /// Runs commands, line by line where they start servers.
    pub fn run(&mut self, commands: &Commands) {
        let text = self.with_port(&commands.text).replace("\\\n", " ");
        let mut script = String::new();
        for line in text.split_inclusive('\n') {
            match starts_server(line) {
                true => {
                    self.finish(&std::mem::take(&mut script), commands.line);
                    self.serve(line.trim(), commands.line);
                }
                false => script.push_str(line),
            }
        }
        self.finish(&script, commands.line);
    }

    /// Runs a script to its end.
    fn finish(&mut self, script: &str, line: usize) {
        if script.trim().is_empty() {
            return;
        }
        let place = self.work.path().join("place");
        let script = format!("trap 'pwd > {}' EXIT\n{script}", place.display());
        let log = self.work.path().join("printed");
        let output = File::create(&log).expect("a file can be created");
        let mut shell = self.shell(&script);
        shell
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output);
        let status = shell.status().expect("the shell starts");
        let printed = fs::read(&log).expect("the output can be read");
        self.printed().push_str(&String::from_utf8_lossy(&printed));
        assert!(status.success(), "{}\n{script}\n{status}", self.at(line));
        let folder = fs::read_to_string(&place).expect("the shell writes its folder");
        self.folder = folder.trim_end().into();
    }

    /// Starts a server and waits until it prints its address.
    fn serve(&mut self, command: &str, line: usize) {
        self.server = None;
        let mut command = command.split(" #").next().unwrap_or_default().to_owned();
        if let Some((_, file)) = command.split_once("--config ") {
            self.listen_in(file.split(' ').next().unwrap_or(file));
        } else if !command.contains("--listen") {
            command.push_str(&format!(" --listen 127.0.0.1:{}", self.port));
        }
        let mut server = Running::start(self.shell(&command), Arc::clone(&self.printed));
        let is_ready = server.wait_for_address();
        assert!(is_ready, "{}\n{command}\nno address", self.at(line));
        self.server = Some(server);
    }

    /// Adds the address to a config file that leaves it at its default.
    fn listen_in(&self, file: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).expect("the config file can be read");
        if !text.contains("listen = ") {
            let text = format!("listen = [\"127.0.0.1:{}\"]\n{text}", self.port);
            fs::write(&path, text).expect("the config file can be written");
        }
    }

    /// Writes a file, or to the end of one.
    pub fn write(&self, path: &str, text: &str, append: bool) {
        let path = self.folder.join(path);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("a folder can be created");
        let mut file = OpenOptions::new();
        file.create(true).write(true);
        file.append(append).truncate(!append);
        let text = self.with_port(text);
        let written = file
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Waits until all lines are printed: a server writes its log beside the commands.
    pub fn expect(&self, line: usize, text: &str) {
        let text = self.with_port(text);
        for shown in text.lines().filter(|line| !line.trim().is_empty()) {
            let begin = Instant::now();
            while !is_printed(shown, &self.printed()) {
                assert!(
                    begin.elapsed() < WAIT_LIMIT,
                    "{}\nnot printed: {shown}",
                    self.at(line)
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Requests a page of the running server, if there is one.
    pub fn open(&self, url: &str) {
        if self.server.is_none() {
            return;
        }
        let url = self.with_port(url);
        let target = url.splitn(4, '/').nth(3).unwrap_or_default();
        let answer = Client::connect(([127, 0, 0, 1], self.port).into()).get(&format!("/{target}"));
        assert!(
            answer.status < 400,
            "{}\n{url}: {}",
            self.at(0),
            answer.status
        );
    }

    fn with_port(&self, text: &str) -> String {
        text.replace(":8080", &format!(":{}", self.port))
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = terminal::shell(script, &self.folder, &self.programs());
        if self.is_checkout {
            shell.env_remove("CARGO_BUILD_BUILD_DIR");
        }
        shell
    }

    fn programs(&self) -> PathBuf {
        self.work.path().join("programs")
    }

    fn printed(&self) -> std::sync::MutexGuard<'_, String> {
        self.printed.lock().expect("no reader panicked")
    }

    /// Where the test is, and everything that was printed so far.
    fn at(&self, line: usize) -> String {
        format!(
            "section `{}`, line {line}:\n{}",
            self.section,
            self.printed()
        )
    }
}

/// Whether a line of a script starts a server: `belljar serve`, `belljar dev`, or one of them by `cargo run`, after variables.
fn starts_server(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let program = words.find(|word| !word.contains('='));
    let mut command = words.skip_while(|word| program == Some("cargo") && *word != "--");
    if program == Some("cargo") {
        command.next();
    }
    let command = command.next();
    matches!(program, Some("belljar" | "cargo"))
        && matches!(command, Some("serve" | "dev"))
        && !line.contains("--help")
}

/// A server with everything that it started.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command, printed: Arc<Mutex<String>>) -> Running {
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the shell starts");
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("the output is piped")),
            Box::new(child.stderr.take().expect("the errors are piped")),
        ];
        for output in outputs {
            let printed = Arc::clone(&printed);
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    printed
                        .lock()
                        .expect("no reader panicked")
                        .push_str(&format!("{line}\n"));
                    let _ = sender.send(line);
                }
            });
        }
        Running { child, lines }
    }

    /// Whether the server prints its address, before it ends.
    fn wait_for_address(&mut self) -> bool {
        // `belljar dev` and `cargo run` build first.
        let limit = Instant::now() + 10 * WAIT_LIMIT;
        let next = || {
            self.lines
                .recv_timeout(limit.saturating_duration_since(Instant::now()))
                .ok()
        };
        std::iter::from_fn(next).any(|line| line.trim_start().starts_with("http://"))
    }
}

impl Drop for Running {
    /// As Ctrl-C does, to all processes of the terminal.
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::INT);
        if wait(&mut self.child, WAIT_LIMIT).is_none() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
