//! Whether a document has the form that the schema asks for: every key known, every value of its type and its form.
//!
//! What is wrong is told and taken out, so that the rest can be read, and all that is wrong in it told as well.

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::schema::{Node, Schema};
use super::value;

/// The check of one document.
pub(super) struct Form<'s> {
    schema: &'s Schema,
    /// Each with the byte of the document that it is about.
    problems: Vec<(usize, String)>,
    /// Where the tables begin that something was taken out of.
    doubtful: Vec<usize>,
}

impl<'s> Form<'s> {
    /// Takes out of a document what the schema does not allow. Returns what is wrong, each with its byte in the text,
    /// and the beginnings of the tables that something was taken out of.
    pub fn check(
        document: &mut Spanned<DeTable<'_>>,
        schema: &'s Schema,
    ) -> (Vec<(usize, String)>, Vec<usize>) {
        let mut form = Self {
            schema,
            problems: Vec::new(),
            doubtful: Vec::new(),
        };
        let start = document.span().start;
        form.table(document.get_mut(), schema.root(), start);
        (form.problems, form.doubtful)
    }

    fn table(&mut self, table: &mut DeTable<'_>, node: Node<'s>, start: usize) {
        let place = node.text("x-in").unwrap_or_default();
        for (key, mut value) in std::mem::replace(table, DeTable::new()) {
            let name: &str = key.get_ref();
            let Some(node) = node.property(name) else {
                let advice = self.advice(name, node);
                let message = format!("unknown key {name:?} {place}; {advice}");
                self.tell(key.span().start, message);
                self.doubtful.push(start);
                continue;
            };
            match self.value(name, &mut value, node) {
                true => {
                    table.insert(key, value);
                }
                false => self.doubtful.push(start),
            }
        }
        // What is missing may be what was taken out.
        let missing = node.required().filter(|key| !table.contains_key(*key));
        for key in missing
            .filter(|_| !self.doubtful.contains(&start))
            .collect::<Vec<_>>()
        {
            self.tell(start, format!("{key:?} is missing {place}"));
        }
    }

    /// Whether the value may stay.
    fn value(&mut self, key: &str, value: &mut Spanned<DeValue<'_>>, node: Node<'s>) -> bool {
        let start = value.span().start;
        let found = type_of(value.get_ref());
        let Some(typed) = node.of_type(found) else {
            let types = node.all_types();
            let wanted: Vec<_> = types.iter().map(|kind| named(kind)).collect();
            let example = node.example().map(|one| format!(", such as {one}"));
            self.tell(
                start,
                format!(
                    "{key} is {}; it has to be {}{}",
                    named(found),
                    wanted.join(" or "),
                    example.unwrap_or_default()
                ),
            );
            // A list stays, empty: that it is not said at all could mean something else.
            *value.get_mut() = DeValue::Array(DeArray::new());
            return types == ["array"];
        };
        let node = typed;
        let wrong = match value.get_mut() {
            DeValue::Table(table) => {
                self.table(table, node, start);
                None
            }
            DeValue::Array(array) => {
                let empty = array.is_empty();
                let items = std::mem::replace(array, DeArray::new()).into_iter();
                let mut kept = Vec::with_capacity(items.len());
                for mut item in items {
                    if node
                        .items()
                        .is_none_or(|node| self.value(key, &mut item, node))
                    {
                        kept.push(item);
                    }
                }
                *array = DeArray::from_iter(kept);
                if empty && node.number("minItems").is_some() {
                    let message =
                        format!("{key} is empty; leave it out, or name what belongs there");
                    self.tell(start, message);
                }
                None
            }
            DeValue::String(text) => {
                let form = node.text("format").unwrap_or_default();
                let wrong = value::check(form, text).err();
                let wrong = wrong.map(|reason| format!("{key} = {:?}: {reason}", &**text));
                let empty = text.is_empty() && node.number("minLength").is_some();
                wrong.or_else(|| empty.then(|| format!("{key} is empty")))
            }
            DeValue::Integer(number) => Self::number(key, number, node),
            _ => None,
        };
        let sound = wrong.is_none();
        if let Some(wrong) = wrong {
            self.tell(start, wrong);
        }
        sound
    }

    /// What is wrong with a number.
    fn number(key: &str, number: &DeInteger<'_>, node: Node<'_>) -> Option<String> {
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
        if let Some(form) = node
            .text("format")
            .filter(|_| node.number("maximum").is_none())
        {
            let reason = value::check(form, &number.to_string()).err()?;
            return Some(format!("{key} = {number}: {reason}"));
        }
        let (least, most) = (node.number("minimum"), node.number("maximum"));
        let least = least.unwrap_or(i64::MIN);
        let most = most.unwrap_or(i64::MAX);
        match value {
            Some(value) if (least..=most).contains(&value) => None,
            _ => Some(format!("{key} = {number}: it has to be {least} to {most}")),
        }
    }

    /// What somebody may have meant by a key that is not known here.
    fn advice(&self, key: &str, node: Node<'_>) -> String {
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
        format!("known are {}", known.join(", "))
    }

    fn tell(&mut self, start: usize, message: String) {
        self.problems.push((start, message));
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

/// The type as people call it.
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
