//! `belljar get`: a small HTTP client to try out a server.

mod destination;
mod exchange;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use belljar::config::units;
use clap::Args;

use destination::Destination;

/// Send a GET request, and print the status line, headers and body of the response
///
/// Exit status: 0 if the response status is below 400; 1 for any other status, an invalid response or no response.
#[derive(Args)]
#[command(override_usage = "belljar get URL\n       belljar get HOST PORT PATH")]
pub struct Get {
    /// http://HOST[:PORT]/PATH, or HOST PORT PATH
    #[arg(required = true, num_args = 1..=3, value_name = "URL | HOST PORT PATH")]
    destination: Vec<String>,

    /// Maximum time to connect, to receive the response head, and between two parts of the body
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration)]
    timeout: Duration,
}

impl Get {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let destination = Destination::parse(&self.destination)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the HTTP client")?;
        let mut stdout = std::io::stdout().lock();
        let outcome = runtime.block_on(exchange::exchange(&destination, self.timeout, &mut stdout));
        // A name lookup may still block a thread after its timeout. The command does not wait for that thread.
        runtime.shutdown_background();
        match outcome {
            Ok(status) if status < 400 => Ok(ExitCode::SUCCESS),
            Ok(_) => Ok(ExitCode::FAILURE),
            Err(error) => {
                eprintln!("belljar: {}: {error:#}", destination.authority());
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
