//! The server of a soak: a site, handlers of every contract, a store, and a folder of handlers that changes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::connection::get;
use crate::components;
use crate::process::call;

pub struct Server {
    child: Child,
    pub port: u16,
    folder: PathBuf,
    swaps: usize,
}

impl Server {
    /// Builds the handlers, and the server unless a program is given. Writes a configuration into `folder`, and starts the
    /// server.
    pub fn start(folder: &Path, program: Option<PathBuf>) -> Result<Self> {
        components::handlers()?;
        let program = match program {
            Some(program) => program.canonicalize().context("cannot find --server")?,
            None => build()?,
        };
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("handlers"))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = folder.join("belljar.toml");
        fs::write(&config, configuration(port))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let log = fs::File::create(folder.join("server.log"))?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let mut server = Self {
            child,
            port,
            folder: folder.to_owned(),
            swaps: 0,
        };
        let begun = Instant::now();
        while get(port, "localhost", "/hello").is_err() {
            if let Some(status) = server.ended()? {
                bail!(
                    "the server ended with {status}; see {}/server.log",
                    folder.display()
                );
            }
            if begun.elapsed() > PATIENCE {
                bail!(
                    "the server does not answer; see {}/server.log",
                    folder.display()
                );
            }
            sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Puts a handler into the folder, or another version of it, or takes it away, or puts bytes there that are none.
    pub fn swap_a_handler(&mut self) -> Result<()> {
        let file = self.folder.join("handlers/swapped.wasm");
        let hello = || fs::read(components::artifacts().join("hello.wasm"));
        match self.swaps % 4 {
            0 => fs::write(&file, hello()?)?,
            1 => {
                // A custom section at the end makes it another version.
                let section = [0, 2, 1, b'x'];
                fs::write(&file, [hello()?, section.to_vec()].concat())?;
            }
            2 => fs::write(&file, &hello()?[..1000])?,
            _ => fs::remove_file(&file)?,
        }
        self.swaps += 1;
        Ok(())
    }

    /// Ends the server as an operator does. It must end by itself.
    pub fn stop(mut self) -> Result<()> {
        call(Command::new("kill").arg(self.child.id().to_string()))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}"),
                None => sleep(Duration::from_millis(50)),
            }
        }
        bail!("the server does not end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn build() -> Result<PathBuf> {
    println!("== building the server");
    let build = [
        "build",
        "--release",
        "--package",
        "belljar",
        "--bin",
        "belljar",
    ];
    call(workspace::cargo().args(build))?;
    Ok(workspace::target_dir().join("release/belljar"))
}

/// The limits are low, so that the traffic reaches them.
fn configuration(port: u16) -> String {
    let root = workspace::root().join("examples/site");
    let artifacts = components::artifacts();
    let component = |name: &str| format!("{:?}", artifacts.join(name).with_extension("wasm"));
    format!(
        "listen = [\"127.0.0.1:{port}\"]\n\
         files = {root:?}\n\
         handlers = \"handlers\"\n\
         max-instances = 64\n\
         max-connections = 512\n\
         \n\
         [limits]\n\
         cpu = \"200ms\"\n\
         timeout = \"3s\"\n\
         \n\
         [http]\n\
         header-timeout = \"3s\"\n\
         body-timeout = \"3s\"\n\
         send-timeout = \"3s\"\n\
         idle-timeout = \"5s\"\n\
         \n\
         [[route]]\npath = \"/hello\"\ncomponent = {}\n\
         \n\
         [[route]]\npath = \"/old/*\"\nredirect = \"/{{rest}}\"\n\
         \n\
         [[route]]\npath = \"/fixed\"\nresponse = {{ body = \"fixed\" }}\n\
         \n\
         [[site]]\nhosts = [\"hostile\"]\n\
         [[site.route]]\npath = \"/*\"\ncomponent = {}\ngrants = {{ dirs = [\"{}::/\"] }}\n\
         \n\
         [[site]]\nhosts = [\"events\"]\n\
         [[site.route]]\npath = \"/*\"\ncomponent = {}\n\
         \n\
         [[site]]\nhosts = [\"guestbook\"]\n\
         [[site.route]]\npath = \"/*\"\ncomponent = {}\ngrants = {{ store = \"guestbook.redb\" }}\n",
        component("hello"),
        component("untrusted"),
        root.display(),
        component("sse"),
        component("guestbook"),
    )
}

/// Compiling the handlers takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
