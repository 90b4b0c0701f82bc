//! The form of a line of the log.

use std::fmt::Debug;

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use super::log_limit::LogLimit;
use super::log_text::escaped;
use super::stderr::Stderr;

/// Starts the program's log, at the level `info` unless RUST_LOG sets another. `is_terminal` gives it colours.
pub fn log_to(stderr: Stderr, is_terminal: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let limit = LogLimit(stderr.clone());
    tracing_subscriber::registry()
        .with(lines(stderr, is_terminal))
        .with(filter)
        .with(limit)
        .init();
}

fn lines<S>(stderr: Stderr, is_terminal: bool) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .fmt_fields(fields())
        .with_writer(move || stderr.clone())
        .with_ansi(is_terminal)
}

/// Writes the message and the fields of an event. All text passes through here, and is escaped: names of files, output
/// and errors of handlers, and requests. None of it can begin a line of the log or control a terminal.
fn fields() -> impl for<'a> FormatFields<'a> + 'static {
    format::debug_fn(field).delimited(" ")
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let value = format!("{value:?}");
    let value = escaped(&value);
    match (field.name(), writer.has_ansi_escapes()) {
        ("message", _) => writer.write_str(&value),
        // Fields of records of the crate `log`, which repeat the target and the place.
        (name, _) if name.starts_with("log.") => Ok(()),
        (name, true) => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
        (name, false) => write!(writer, "{name}={value}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn escapes_messages_and_fields() {
        let memory = Memory::default();
        let written = memory.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(fields())
            .without_time()
            .with_target(false)
            .with_writer(move || written.clone())
            .with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let name = "a\nforged\x1b[2J.wasm";
            tracing::info!(handler = name, shown = %name, "live: {name}");
            tracing::info!("trapped\n    at f");
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let name = r"a\nforged\u{1b}[2J.wasm";
        let expected = format!(
            " INFO live: {name} handler=\"{name}\" shown={name}\n INFO trapped\n    at f\n"
        );
        assert_eq!(text, expected);
    }
}
