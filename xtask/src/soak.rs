//! `cargo xtask soak`: mixed traffic, with hostile parts, against a release build; and the memory, descriptors and threads of
//! the server meanwhile, as a picture.

mod clients;
mod connection;
mod hostile;
mod picture;
mod samples;
mod server;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::workspace;

use self::clients::Counts;
use self::samples::Sample;
use self::server::Server;

/// Runs the soak. `args` are `[--seconds N] [--server FILE]`.
pub fn run(args: &[String]) -> Result<()> {
    let (mut length, mut program) = (WHOLE, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().context(format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--seconds" => {
                let seconds = value.parse().context("--seconds needs a whole number")?;
                length = Duration::from_secs(seconds);
            }
            "--server" => program = Some(PathBuf::from(value)),
            _ => bail!("unexpected argument `{arg}`\n\n{USAGE}"),
        }
    }
    let folder = workspace::target_dir().join("soak");
    // Only a whole run of this version is kept in the repository.
    let kept = length >= WHOLE && program.is_none();
    let mut server = Server::start(&folder, program)?;
    let counts = Arc::new(Counts::default());
    let mut samples = vec![Sample::take(&server, &counts, Duration::ZERO)?];
    println!(
        "== traffic for {} s on port {}",
        length.as_secs(),
        server.port
    );
    let begun = Instant::now();
    let traffic = clients::start(server.port, begun + length, &counts);
    let period = (length / MOST_SAMPLES).max(Duration::from_secs(1));
    while begun.elapsed() < length + QUIET {
        sleep(period);
        if let Some(status) = server.ended()? {
            bail!(
                "the server ended with {status} after {} s",
                begun.elapsed().as_secs()
            );
        }
        server.swap_a_handler()?;
        let sample = Sample::take(&server, &counts, begun.elapsed())?;
        println!("{sample}");
        samples.push(sample);
    }
    traffic
        .into_iter()
        .for_each(|client: thread::JoinHandle<()>| drop(client.join()));
    server.stop()?;

    println!("{}", samples::summary(&samples, length));
    let path = match kept {
        true => workspace::root().join("bench/soak.svg"),
        false => folder.join("soak.svg"),
    };
    fs::write(&path, picture::draw(&samples, length))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// The lines of `cargo xtask help` on this command.
pub const USAGE: &str = "  soak [--seconds N] [--server FILE]
               Send mixed and hostile traffic to a release build, or to the program FILE, for 30 minutes or N seconds; draw
               the server's memory, descriptors and threads: bench/soak.svg, or with an option target/soak/soak.svg";

/// The length of a run whose picture is kept.
const WHOLE: Duration = Duration::from_secs(30 * 60);

/// How long the server is watched after the traffic has ended: longer than its timeouts, after which nothing may be left.
const QUIET: Duration = Duration::from_secs(20);

const MOST_SAMPLES: u32 = 360;
