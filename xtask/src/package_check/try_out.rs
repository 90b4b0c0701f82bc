//! Runs the program that was built from packaged crates.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::call;

/// Serves a file with the embedded guest and a request with a handler, and creates projects from the templates.
pub fn run(program: &Path, handler: &Path, work: &Path) -> Result<()> {
    println!("== running {}", program.display());
    let site = work.join("site");
    fs::create_dir(&site)?;
    fs::write(site.join("index.html"), "a page")?;
    for (what, served, text) in [
        ("the embedded guest", vec![site.as_path()], "a page"),
        ("a handler", vec!["--handler".as_ref(), handler], "packaged"),
    ] {
        let answer = answer(program, &served)?;
        ensure!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(text),
            "{what} does not answer with `{text}`: {answer}"
        );
    }
    for language in ["rust", "python", "js"] {
        let mut new = Command::new(program);
        new.args(["new", &format!("{language}-project"), "--lang", language]);
        call(new.current_dir(work).stdout(Stdio::null()))?;
    }
    println!("the packaged program serves files and handlers, and creates projects");
    Ok(())
}

/// The response to `GET /` of a server with these arguments.
fn answer(program: &Path, arguments: &[&Path]) -> Result<String> {
    let mut server = Command::new(program);
    server
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments);
    server.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Killed(server.spawn().context("cannot start the program")?);
    let output = server.0.stdout.take().context("the output is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().strip_prefix("http://");
    let address = address.with_context(|| format!("the first line is not a URL: `{line}`"))?;
    let mut client = TcpStream::connect(address.trim_end_matches('/'))?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A process that is killed when the value is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
