//! The servers that are measured, and their settings.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::machine;
use super::options::Options;
use super::scratch::Scratch;
use super::works::Task;
use crate::process::output;

/// A server under measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Bare,
    Fresh,
    Kept,
    Against,
    Nginx,
    StaticWebServer,
    Wasmtime,
    WasmtimeKept,
}

/// The settings of a server beside its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// As a user would start it, on one processor.
    Usual,
    /// On all processors, with time limits that leave endless handlers running.
    Endless,
    /// With room for 1,000 instances and 10,000 connections at once.
    Crowd,
}

impl Peer {
    pub const ALL: [Self; 8] = [
        Self::Bare,
        Self::Fresh,
        Self::Kept,
        Self::Against,
        Self::Nginx,
        Self::StaticWebServer,
        Self::Wasmtime,
        Self::WasmtimeKept,
    ];

    /// The name for `--peers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Fresh => "fresh",
            Self::Kept => "kept",
            Self::Against => "against",
            Self::Nginx => "nginx",
            Self::StaticWebServer => "sws",
            Self::Wasmtime => "wasmtime",
            Self::WasmtimeKept => "wasmtime-kept",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare tokio loop, no sandbox",
            Self::Fresh => "belljar, fresh instance",
            Self::Kept => "belljar, instance kept",
            Self::Against => "belljar, the other build",
            Self::Nginx => "nginx",
            Self::StaticWebServer => "static-web-server",
            Self::Wasmtime => "wasmtime serve, fresh instance",
            Self::WasmtimeKept => "wasmtime serve, reuse of 128",
        }
    }

    pub fn program(self) -> &'static str {
        match self {
            Self::Wasmtime | Self::WasmtimeKept => "wasmtime",
            Self::Fresh => "belljar",
            peer => peer.title(),
        }
    }

    /// The selected peers that are installed.
    pub fn present(options: &Options, scratch: &Scratch) -> Vec<Self> {
        let wanted =
            |peer: &Self| options.wants_peer(peer.name()) && peer.missing(scratch).is_none();
        Self::ALL.into_iter().filter(wanted).collect()
    }

    /// The reason why this peer cannot be measured, if there is one.
    pub fn missing(self, scratch: &Scratch) -> Option<&'static str> {
        let (there, why) = match self {
            Self::Bare | Self::Fresh => (true, ""),
            Self::Kept => (scratch.reuse, "this build has no `--reuse`"),
            Self::Against => (scratch.against.is_some(), "no `--against` was given"),
            Self::Nginx => (
                scratch.nginx.is_some(),
                "not installed: apt-get install nginx-light",
            ),
            Self::StaticWebServer => (
                scratch.static_web_server.is_some(),
                "not installed: cargo install static-web-server --locked",
            ),
            Self::Wasmtime | Self::WasmtimeKept => (
                scratch.wasmtime.is_some(),
                "not installed: cargo install wasmtime-cli --version 48.0.8 --locked",
            ),
        };
        (!there).then_some(why)
    }

    pub fn version(self, scratch: &Scratch) -> Option<String> {
        let (program, flag) = match self {
            Self::Bare | Self::Kept => return None,
            Self::Fresh => (&scratch.belljar, "--version"),
            Self::Against => (scratch.against.as_ref()?, "--version"),
            Self::Nginx => (scratch.nginx.as_ref()?, "-v"),
            Self::StaticWebServer => (scratch.static_web_server.as_ref()?, "--version"),
            Self::Wasmtime | Self::WasmtimeKept => (scratch.wasmtime.as_ref()?, "--version"),
        };
        // nginx prints its version to standard error.
        let output = Command::new(program).arg(flag).output().ok()?;
        let output = [output.stdout, output.stderr].concat();
        let output = String::from_utf8_lossy(&output);
        // The number comes last, after the name or the word `version`.
        Some(output.lines().next()?.split_whitespace().last()?.to_owned())
    }

    /// The server's command line. `None` if the peer cannot do the task.
    pub fn command(
        self,
        task: Task,
        setting: Setting,
        port: u16,
        scratch: &Scratch,
    ) -> Option<Command> {
        let address = format!("127.0.0.1:{port}");
        let start = |program: &Path| match setting {
            Setting::Endless => Command::new(program),
            _ => machine::on(machine::SERVER, program),
        };
        let mut command = match self {
            Self::Bare => {
                if matches!(task, Task::Files | Task::Template) {
                    return None;
                }
                let mut command = start(&scratch.bare_loop);
                command.arg(address);
                command
            }
            Self::Fresh | Self::Kept | Self::Against => {
                let (program, template) = match self {
                    Self::Against => (scratch.against.as_ref()?, &scratch.template_against),
                    _ => (&scratch.belljar, &scratch.template),
                };
                let mut command = start(program);
                command.args(["serve", "--listen", &address]);
                match task {
                    Task::Page => command.arg("--handler").arg(scratch.example("hello")),
                    Task::Template => command.arg("--handler").arg(template.as_ref()?),
                    Task::Files => command.arg(scratch.site()),
                    Task::Handlers => command.arg("--handler").arg(scratch.guest("work")),
                };
                if self == Self::Kept {
                    command.args(["--reuse", "1000000"]);
                }
                if setting == Setting::Endless {
                    command.args(["--cpu", "10m", "--timeout", "10m"]);
                }
                command
            }
            Self::Nginx => {
                if matches!(task, Task::Handlers | Task::Template) {
                    return None;
                }
                let configuration = scratch.folder.join(format!("nginx-{port}.conf"));
                fs::write(&configuration, nginx(task, port, scratch)).ok()?;
                let mut command = start(scratch.nginx.as_ref()?);
                command
                    .arg("-e")
                    .arg("/dev/null")
                    .arg("-c")
                    .arg(configuration);
                command
            }
            Self::StaticWebServer => {
                if task != Task::Files {
                    return None;
                }
                let mut command = start(scratch.static_web_server.as_ref()?);
                command
                    .args(["--host", "127.0.0.1", "--log-level", "error", "--port"])
                    .arg(port.to_string())
                    .arg("--root")
                    .arg(scratch.site());
                command
            }
            Self::Wasmtime | Self::WasmtimeKept => {
                let guest = match task {
                    Task::Page => "hello_wasi_http",
                    Task::Files => "files_wasi_http",
                    Task::Handlers => "work_wasi_http",
                    Task::Template => return None,
                };
                let mut command = start(scratch.wasmtime.as_ref()?);
                command.args(["serve", "-Scli", "--addr", &address]);
                let reuse = if self == Self::Wasmtime { "1" } else { "128" };
                command.args(["--max-instance-reuse-count", reuse]);
                match setting {
                    Setting::Usual => {}
                    Setting::Endless => {
                        command.arg("-Wtimeout=4s");
                    }
                    Setting::Crowd => {
                        command.arg("--max-concurrent-connections=20000");
                        command.arg("--max-concurrent-requests=20000");
                        for limit in [
                            "core-instances",
                            "memories",
                            "tables",
                            "component-instances",
                            "stacks",
                        ] {
                            command.arg(format!("-Opooling-total-{limit}=4000"));
                        }
                    }
                }
                if task == Task::Files {
                    command.arg(format!("--dir={}::/", scratch.site().display()));
                }
                command.arg(scratch.guest(guest));
                command
            }
        };
        command.env("XDG_CACHE_HOME", scratch.folder.join("cache"));
        Some(command)
    }
}

/// nginx with one worker, sendfile, no cache of open files, and a log like belljar's, written to /dev/null in large
/// pieces. Its worker runs as the current user, since others may not be able to read the site.
fn nginx(task: Task, port: u16, scratch: &Scratch) -> String {
    let id = |flag| output(Command::new("id").arg(flag)).unwrap_or_else(|| "nobody".into());
    let (user, group) = (id("-un"), id("-gn"));
    let folder = scratch.folder.display();
    let location = match task {
        Task::Files => format!("root {};", scratch.site().display()),
        _ => format!("default_type 'text/html; charset=utf-8'; return 200 '{PAGE}';"),
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {folder}/nginx-temporary/{kind};\n"))
        .collect();
    let _ = fs::create_dir_all(scratch.folder.join("nginx-temporary"));
    format!(
        "user {user} {group};
daemon off;
worker_processes 1;
pid {folder}/nginx-{port}.pid;
error_log /dev/null;
events {{ worker_connections 20000; }}
http {{
  types {{ text/plain txt; text/html html; }}
  default_type application/octet-stream;
  charset utf-8;
  sendfile on;
  open_file_cache off;
  keepalive_requests 1000000000;
  keepalive_timeout 60s;
  access_log /dev/null combined buffer=64k flush=1s;
{temporary}  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ {location} }}
  }}
}}
"
    )
}

/// The page of examples/hello.
const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Hello</title>
<h1>Hello from under the bell jar</h1>
<p>This page was made by a WebAssembly component that lived for this one request.</p>
</html>
";
