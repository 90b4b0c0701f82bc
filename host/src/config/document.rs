//! A file's text as a document whose values know their lines.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::problem::{Position, Problem, Problems};
use super::schema::Schema;
use super::validate::Validation;

/// A document, without the values that are wrong.
pub(super) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    value: Spanned<DeValue<'t>>,
    /// The offsets of the tables from which something was removed.
    incomplete: Vec<usize>,
}

/// A place in a document, found by the keys that lead there.
#[derive(Clone, Copy)]
pub(super) struct At<'d> {
    document: &'d Document<'d>,
    /// None: the document has no such value.
    value: Option<&'d DeValue<'d>>,
    /// The offset of the value; without a value, the offset of the table around it.
    offset: usize,
}

/// A value that is a text or a whole number. Displayed as in the file.
#[derive(Debug, Clone)]
pub(super) enum Scalar<'d> {
    Text(&'d str),
    Number(String),
}

impl<'t> Document<'t> {
    /// Reads TOML as a `T`. Values that are wrong are left out and reported as problems.
    ///
    /// # Errors
    ///
    /// The text is not TOML.
    pub fn read<T: DeserializeOwned + JsonSchema>(
        text: &'t str,
        path: &'t Path,
    ) -> Result<(T, Self, Vec<Problem>), Problems> {
        let (mut table, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = Vec::new();
        for error in &errors {
            let offset = error.span().map_or(text.len(), |span| span.start);
            let position = Position::of(text, offset);
            // Further errors on a line mostly follow from the first.
            let is_known = problems.iter().any(|known| {
                known
                    .position
                    .is_some_and(|known| known.line == position.line)
            });
            if !is_known {
                problems.push(Problem {
                    file: path.into(),
                    position: Some(position),
                    message: format!("this is not TOML: {}", error.message()),
                });
            }
        }
        if let Some(problems) = Problems::of(problems) {
            return Err(problems);
        }
        let (errors, incomplete) = Validation::run(&mut table, &Schema::of::<T>());
        let span = table.span();
        let document = Self {
            path,
            text,
            value: Spanned::new(span, DeValue::Table(table.into_inner())),
            incomplete,
        };
        let problems = errors
            .into_iter()
            .map(|(offset, message)| document.problem(offset, message))
            .collect();
        let read = T::deserialize(ValueDeserializer::from(document.value.clone()));
        match read {
            Ok(read) => Ok((read, document, problems)),
            // The document was validated, so that no error is expected here.
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let problem = document.problem(offset, error.message().into());
                Err(Problems::of(vec![problem])
                    .unwrap_or_else(|| Problems::one(path, "the file cannot be read".into())))
            }
        }
    }

    /// The document as a whole.
    pub fn top(&self) -> At<'_> {
        At {
            document: self,
            value: Some(self.value.get_ref()),
            offset: self.value.span().start,
        }
    }

    fn problem(&self, offset: usize, message: String) -> Problem {
        Problem {
            file: self.path.into(),
            position: Some(Position::of(self.text, offset)),
            message,
        }
    }
}

impl<'d> At<'d> {
    /// The value of a key.
    pub fn key(self, key: &str) -> Self {
        self.step(self.value.and_then(|value| value.get(key)))
    }

    /// The value at a place in a list.
    pub fn item(self, position: usize) -> Self {
        self.step(self.value.and_then(|value| value.get(position)))
    }

    /// Whether the document has a value here.
    pub fn is_present(self) -> bool {
        self.value.is_some()
    }

    /// The value, if it is a text or a whole number.
    pub fn scalar(self) -> Option<Scalar<'d>> {
        match self.value? {
            DeValue::String(text) => Some(Scalar::Text(text)),
            DeValue::Integer(number) => {
                let value = i64::from_str_radix(number.as_str(), number.radix());
                let text = value.map_or_else(|_| number.to_string(), |value| value.to_string());
                Some(Scalar::Number(text))
            }
            _ => None,
        }
    }

    /// Whether something was removed from the table here. A key that seems to be missing may have been removed.
    pub fn is_incomplete(self) -> bool {
        self.document.incomplete.contains(&self.offset)
    }

    pub fn problem(self, message: impl Into<String>) -> Problem {
        self.document.problem(self.offset, message.into())
    }

    pub fn line(self) -> usize {
        Position::of(self.document.text, self.offset).line
    }

    /// File and line, for messages.
    pub fn place(self) -> String {
        format!("{}:{}", self.document.path.display(), self.line())
    }

    fn step(self, found: Option<&'d Spanned<DeValue<'d>>>) -> Self {
        Self {
            document: self.document,
            value: found.map(Spanned::get_ref),
            offset: found.map_or(self.offset, |found| found.span().start),
        }
    }
}

impl Scalar<'_> {
    /// The text that means this value: `4096` means what `"4096"` means.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number,
        }
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => number.fmt(f),
        }
    }
}
