//! Entries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A submitted form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Draft {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub message: String,
    /// The problem with the form, for the page that shows it again.
    #[serde(skip)]
    pub mistake: Option<&'static str>,
}

impl Draft {
    pub fn with(mut self, mistake: &'static str) -> Draft {
        self.mistake = Some(mistake);
        self
    }
}

/// A valid entry: of limited length and without control characters.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub name: String,
    pub message: String,
    /// Seconds since 1970.
    pub written: u64,
}

impl Entry {
    /// Fails with a sentence for the visitor.
    pub fn new(draft: &Draft, now: SystemTime) -> Result<Entry, &'static str> {
        let name = clean(&draft.name, |_| false);
        // A browser ends the lines of a form with CR LF.
        let message = clean(&draft.message.replace("\r\n", "\n"), |character| {
            character == '\n'
        });
        if name.is_empty() {
            return Err("Please say who you are.");
        }
        if name.chars().count() > NAME_LENGTH {
            return Err("This name is too long. Please use at most 50 characters.");
        }
        if message.is_empty() {
            return Err("Please write a message.");
        }
        if message.chars().count() > MESSAGE_LENGTH {
            return Err("This message is too long. Please use at most 1000 characters.");
        }
        let written = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Entry {
            name,
            message,
            written,
        })
    }

    /// The time, such as `2026-11-21T10:15:24Z`.
    pub fn time(&self) -> String {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.written));
        humantime::format_rfc3339_seconds(time.unwrap_or(UNIX_EPOCH)).to_string()
    }
}

/// Trims the text and removes control characters, except for the allowed ones.
fn clean(text: &str, stays: impl Fn(char) -> bool) -> String {
    let kept: String = text
        .chars()
        .filter(|&character| stays(character) || !character.is_control())
        .collect();
    kept.trim().to_owned()
}

/// In characters. The form has the same limits.
const NAME_LENGTH: usize = 50;
const MESSAGE_LENGTH: usize = 1000;
