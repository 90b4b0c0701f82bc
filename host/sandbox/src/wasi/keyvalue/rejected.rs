//! The error of a call that the store rejects.

/// Why the store rejected a call: a message for the author of the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected(pub String);

/// The beginning of a key, escaped for a message.
pub(super) fn excerpt(key: &str) -> String {
    key.chars()
        .take(40)
        .flat_map(char::escape_default)
        .collect()
}
