//! A file's text as a document, and the places in it.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::form::Form;
use super::problem::{Position, Problem, Problems};
use super::schema::Schema;

/// A document, without what was wrong in it.
pub(super) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    value: Spanned<DeValue<'t>>,
    /// Where the tables begin that something was taken out of.
    doubtful: Vec<usize>,
}

/// A place in a document, found by the keys that lead there.
#[derive(Clone, Copy)]
pub(super) struct At<'d> {
    document: &'d Document<'d>,
    /// None where nothing is said there.
    value: Option<&'d DeValue<'d>>,
    /// Of what is said there, or around it.
    offset: usize,
}

impl<'t> Document<'t> {
    /// Reads a text of TOML as a `T`. What is wrong by itself is taken out and told beside.
    ///
    /// # Errors
    ///
    /// Where the text is no TOML.
    pub fn read<T: DeserializeOwned + JsonSchema>(
        text: &'t str,
        path: &'t Path,
    ) -> Result<(T, Self, Vec<Problem>), Problems> {
        let (mut table, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = Vec::new();
        for error in &errors {
            let offset = error.span().map_or(text.len(), |span| span.start);
            let position = Position::of(text, offset);
            // What follows on the same line is mostly of the parser's making.
            let told = problems
                .iter()
                .any(|told| told.position.is_some_and(|told| told.line == position.line));
            if !told {
                problems.push(Problem {
                    file: path.into(),
                    position: Some(position),
                    message: format!("this is no TOML: {}", error.message()),
                });
            }
        }
        if let Some(problems) = Problems::of(problems) {
            return Err(problems);
        }
        let (wrong, doubtful) = Form::check(&mut table, &Schema::of::<T>());
        let span = table.span();
        let document = Self {
            path,
            text,
            value: Spanned::new(span, DeValue::Table(table.into_inner())),
            doubtful,
        };
        let problems = wrong
            .into_iter()
            .map(|(offset, message)| document.problem(offset, message))
            .collect();
        let read = T::deserialize(ValueDeserializer::from(document.value.clone()));
        match read {
            Ok(read) => Ok((read, document, problems)),
            // The form was checked; whatever is left is told all the same.
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let problem = document.problem(offset, error.message().into());
                Err(Problems::of(vec![problem])
                    .unwrap_or_else(|| Problems::one(path, "it cannot be read".into())))
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

    /// Whether something is said here.
    pub fn is_said(self) -> bool {
        self.value.is_some()
    }

    /// Whether something was taken out of the table that is here: what seems to be missing may be that.
    pub fn is_doubtful(self) -> bool {
        self.document.doubtful.contains(&self.offset)
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
