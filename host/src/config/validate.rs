//! Validates a document against its schema: every key is known, every value has the right type and format.
//!
//! Each error is reported, and the wrong value is removed. The rest of the document can then be read, so that all errors
//! are reported at once.

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::schema::{Schema, SchemaNode};
use super::value;

/// The validation of one document.
pub(super) struct Validation<'s> {
    schema: &'s Schema,
    /// Each error with its offset in the document.
    errors: Vec<(usize, String)>,
    /// The offsets of the tables from which something was removed.
    incomplete: Vec<usize>,
}

impl<'s> Validation<'s> {
    /// Removes what the schema does not allow. Returns the errors, each with its offset in the text, and the offsets of
    /// the tables from which something was removed.
    pub fn run(
        document: &mut Spanned<DeTable<'_>>,
        schema: &'s Schema,
    ) -> (Vec<(usize, String)>, Vec<usize>) {
        let mut validation = Self {
            schema,
            errors: Vec::new(),
            incomplete: Vec::new(),
        };
        let start = document.span().start;
        validation.table(document.get_mut(), schema.root(), start);
        (validation.errors, validation.incomplete)
    }

    fn table(&mut self, table: &mut DeTable<'_>, node: SchemaNode<'s>, start: usize) {
        let place = node.text("x-in").unwrap_or_default();
        for (key, mut value) in std::mem::replace(table, DeTable::new()) {
            let name: &str = key.get_ref();
            let Some(node) = node.property(name) else {
                let advice = self.advice(name, node);
                let message = format!("unknown key {name:?} {place}; {advice}");
                self.report(key.span().start, message);
                self.incomplete.push(start);
                continue;
            };
            match self.value(name, &mut value, node) {
                true => {
                    table.insert(key, value);
                }
                false => self.incomplete.push(start),
            }
        }
        // A key that seems to be missing may be the one that was removed.
        if self.incomplete.contains(&start) {
            return;
        }
        for key in node.required().filter(|key| !table.contains_key(*key)) {
            self.report(start, format!("{key:?} is missing {place}"));
        }
    }

    /// Reports what is wrong with a value. Returns whether the document keeps it.
    fn value(&mut self, key: &str, value: &mut Spanned<DeValue<'_>>, node: SchemaNode<'s>) -> bool {
        let start = value.span().start;
        let found = type_of(value.get_ref());
        let Some(node) = node.of_type(found) else {
            return self.wrong_type(key, value, node);
        };
        let error = match value.get_mut() {
            DeValue::String(_) | DeValue::Integer(_) if node.is_setting() => None,
            DeValue::Table(table) => {
                self.table(table, node, start);
                None
            }
            DeValue::Array(array) => {
                self.list(key, array, node, start);
                None
            }
            DeValue::String(text) => text_error(key, text, node),
            DeValue::Integer(number) => number_error(key, number, node),
            _ => None,
        };
        let is_valid = error.is_none();
        if let Some(error) = error {
            self.report(start, error);
        }
        is_valid
    }

    fn list(&mut self, key: &str, array: &mut DeArray<'_>, node: SchemaNode<'s>, start: usize) {
        if array.is_empty() && node.number("minItems").is_some() {
            let message = format!("{key} is empty; remove it, or add a value");
            self.report(start, message);
        }
        let items = std::mem::replace(array, DeArray::new()).into_iter();
        let mut kept = Vec::with_capacity(items.len());
        for mut item in items {
            let item_node = node.items();
            if item_node.is_none_or(|node| self.value(key, &mut item, node)) {
                kept.push(item);
            }
        }
        *array = DeArray::from_iter(kept);
    }

    fn wrong_type(
        &mut self,
        key: &str,
        value: &mut Spanned<DeValue<'_>>,
        node: SchemaNode<'_>,
    ) -> bool {
        let start = value.span().start;
        let types = node.all_types();
        let wanted: Vec<_> = types.iter().map(|kind| named(kind)).collect();
        let example = node.example().map(|one| format!(", such as {one}"));
        self.report(
            start,
            format!(
                "{key} is {}; it has to be {}{}",
                named(type_of(value.get_ref())),
                wanted.join(" or "),
                example.unwrap_or_default()
            ),
        );
        // A list stays, but empty: without it the file could mean something else.
        *value.get_mut() = DeValue::Array(DeArray::new());
        types == ["array"]
    }

    /// Which key the author of the file may have meant by an unknown key.
    fn advice(&self, key: &str, node: SchemaNode<'_>) -> String {
        let distance = |known: &str| strsim::damerau_levenshtein(key, known);
        let nearest = node.properties().map(|(known, _)| known);
        let nearest = nearest.min_by_key(|known| distance(known));
        if let Some(known) = nearest.filter(|known| distance(known) <= (key.len() / 3).max(1)) {
            return format!("did you mean {known:?}?");
        }
        let mut tables = self.schema.tables();
        let elsewhere = tables.find(|table| table.properties().any(|(known, _)| known == key));
        if let Some(place) = elsewhere.and_then(|table| table.text("x-in")) {
            return format!("it belongs {place}");
        }
        let known: Vec<_> = node.properties().map(|(known, _)| known).collect();
        format!("known keys are {}", known.join(", "))
    }

    fn report(&mut self, start: usize, message: String) {
        self.errors.push((start, message));
    }
}

fn text_error(key: &str, text: &str, node: SchemaNode<'_>) -> Option<String> {
    let format = node.text("format").unwrap_or_default();
    if let Err(reason) = value::validate(format, text) {
        return Some(format!("{key} = {text:?}: {reason}"));
    }
    let empty = text.is_empty() && node.number("minLength").is_some();
    empty.then(|| format!("{key} is empty; remove it, or give it a value"))
}

fn number_error(key: &str, number: &DeInteger<'_>, node: SchemaNode<'_>) -> Option<String> {
    let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
    let choices = node.choices();
    if !choices.is_empty() {
        let known = value.is_some_and(|value| choices.contains(&value));
        let choices: Vec<_> = choices.iter().map(i64::to_string).collect();
        return (!known).then(|| {
            format!(
                "{key} = {number}: it has to be one of {}",
                choices.join(", ")
            )
        });
    }
    let least = node.number("minimum").unwrap_or(i64::MIN);
    let most = node.number("maximum").unwrap_or(i64::MAX);
    match value {
        Some(value) if (least..=most).contains(&value) => None,
        _ => Some(format!("{key} = {number}: it has to be {least} to {most}")),
    }
}

/// The type of a value, as JSON Schema calls it.
fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

/// The type in words, for messages.
fn named(kind: &str) -> &'static str {
    match kind {
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "number" => "a number with a fraction",
        "boolean" => "true or false",
        "array" => "a list in [ ]",
        "object" => "a table",
        _ => "a date",
    }
}
