//! Signals that stop or reload a running server, or have no effect.

#[cfg(not(unix))]
use std::future::Future;

#[cfg(unix)]
pub use unix::Signals;

#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self)
    }

    pub fn explain_log_signals() -> anyhow::Result<()> {
        Ok(())
    }

    /// Completes at Ctrl-C.
    pub fn stop(self, _reload: impl Fn() + Send + 'static) -> impl Future<Output = ()> {
        async {
            // If Ctrl-C cannot be received, the server runs until it is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::future::Future;
    use std::io::{IsTerminal, stderr};

    use anyhow::Context;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hang_up: Signal,
    }

    impl Signals {
        pub fn listen() -> anyhow::Result<Self> {
            // Without a handler, writing a file beyond the limit of its size (RLIMIT_FSIZE) would end the process. With one
            // the write fails. The handler stays when this is dropped.
            let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
            drop(signal(too_large).context("cannot listen for SIGXFSZ")?);
            Ok(Self {
                interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
                terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
                hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
            })
        }

        /// Explains SIGUSR1 and SIGUSR2, which make other servers open their log files again and would end this one.
        ///
        /// # Errors
        ///
        /// If the system does not deliver the signals.
        pub fn explain_log_signals() -> anyhow::Result<()> {
            for (name, kind) in [
                ("SIGUSR1", SignalKind::user_defined1()),
                ("SIGUSR2", SignalKind::user_defined2()),
            ] {
                let mut signals =
                    signal(kind).with_context(|| format!("cannot listen for {name}"))?;
                tokio::spawn(async move {
                    while signals.recv().await.is_some() {
                        tracing::info!(
                            "{name} has no effect: the log goes to standard error, so there is no file to open again; \
                             SIGHUP reloads the configuration"
                        );
                    }
                });
            }
            Ok(())
        }

        /// Completes at Ctrl-C or SIGTERM. A second one of them ends the process at once. SIGHUP calls `reload`, unless
        /// the terminal of the process was closed: then SIGHUP stops the server too.
        pub fn stop(mut self, reload: impl Fn() + Send + 'static) -> impl Future<Output = ()> {
            let has_terminal = stderr().is_terminal();
            async move {
                loop {
                    tokio::select! {
                        _ = self.interrupt.recv() => break,
                        _ = self.terminate.recv() => break,
                        _ = self.hang_up.recv() => {
                            if has_terminal && !stderr().is_terminal() {
                                break;
                            }
                            reload();
                        }
                    }
                }
                tokio::spawn(async move {
                    tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
                    std::process::exit(1);
                });
            }
        }
    }
}
