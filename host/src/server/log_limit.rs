//! The part of the log's subscriber that leaves out lines beyond their rate.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::log_left_out::TARGET;
use super::log_rates::{LineCost, LineKind};
use super::stderr::Stderr;

/// Asks the log about each event, whichever crate it comes from. An event without a rate therefore cannot be forgotten.
pub(super) struct LogLimit(pub Stderr);

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let meta = event.metadata();
        if meta.target() == TARGET {
            return true;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let length = line.length.saturating_add(PREFIX);
        let is_output = meta.target() == "guest" && *meta.level() == Level::INFO;
        let lines = length.div_ceil(LINE);
        let cost = match (is_output, line.handler.is_some() || line.has_client) {
            (true, _) => LineCost::Output(length),
            (false, true) => LineCost::Lines(lines),
            (false, false) => LineCost::ServerLines(lines),
        };
        let kind = LineKind {
            message: match is_output {
                true => "output".into(),
                // The place of the event in the sources.
                false => meta.name().into(),
            },
            handler: line.handler,
        };
        self.0.admit(kind, cost, || {
            let mut example = Example::default();
            event.record(&mut example);
            example.0
        })
    }
}

/// What the rate of a line depends on.
#[derive(Default)]
struct Line {
    handler: Option<String>,
    has_client: bool,
    /// Bytes of all fields.
    length: u32,
}

impl Line {
    fn add(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.length = self.length.saturating_add(length);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "handler" => self.handler = Some(value.to_owned()),
            "client" => self.has_client = true,
            _ => {}
        }
        self.add(field.name().len() + value.len());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "handler" => self.handler = Some(format!("{value:?}")),
            "client" => self.has_client = true,
            _ => {}
        }
        self.add(field.name().len());
        let _ = write!(self, "{value:?}");
    }
}

/// Counts bytes.
impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.len());
        Ok(())
    }
}

/// The beginning of a message.
#[derive(Default)]
struct Example(String);

impl Visit for Example {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self, "{value:?}");
        }
    }
}

impl fmt::Write for Example {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let line = text.split('\n').next().unwrap_or_default();
        let rest = EXAMPLE.saturating_sub(self.0.chars().count());
        self.0.extend(line.chars().take(rest));
        // An error ends the formatting of a text of which no more is needed.
        match line.len() == text.len() && rest > 0 {
            true => Ok(()),
            false => Err(fmt::Error),
        }
    }
}

/// Bytes of the time, level and target before each line.
const PREFIX: u32 = 48;

/// A line of more bytes counts as several lines.
const LINE: u32 = 1024;

/// Characters of an example.
const EXAMPLE: usize = 200;
