//! The JSON schemas of the files: for editors, and for what is checked before a file is read.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema as Generated};
use serde_json::Value;

/// The schema of a file.
#[derive(Debug, Clone)]
pub(super) struct Schema(Value);

/// A part of it: what a value may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'s> {
    root: &'s Value,
    node: &'s Value,
}

impl Schema {
    /// In the draft of JSON Schema that editors of TOML know.
    pub fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(without_null));
        Self(settings.into_generator().into_root_schema_for::<T>().into())
    }

    pub fn root(&self) -> Node<'_> {
        Node {
            root: &self.0,
            node: &self.0,
        }
    }

    pub fn into_json(self) -> Value {
        self.0
    }

    #[cfg(test)]
    pub fn definition(&self, name: &str) -> Option<Node<'_>> {
        let node = self.0.get("definitions")?.get(name)?;
        Some(self.root().at(node))
    }

    /// Every table that a file may have, the whole first.
    pub fn tables(&self) -> impl Iterator<Item = Node<'_>> {
        let definitions = self.0.get("definitions").and_then(Value::as_object);
        let nodes = definitions.into_iter().flat_map(|all| all.values());
        std::iter::once(self.root()).chain(nodes.map(|node| self.root().at(node)))
    }
}

impl<'s> Node<'s> {
    /// The keys of a table, with what their values may be.
    pub fn properties(self) -> impl Iterator<Item = (&'s str, Node<'s>)> {
        let properties = self.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(move |(key, node)| (key.as_str(), self.at(node)))
    }

    /// What a table's value of this key may be; none where there may be no such key.
    pub fn property(self, key: &str) -> Option<Self> {
        let named = self.properties().find(|(name, _)| *name == key);
        let any = self.get("additionalProperties");
        named
            .map(|(_, node)| node)
            .or_else(|| Some(self.at(any.filter(|any| any.is_object())?)))
    }

    /// The keys that a table has to have.
    pub fn required(self) -> impl Iterator<Item = &'s str> {
        self.list("required").filter_map(Value::as_str)
    }

    /// What is in a list.
    pub fn items(self) -> Option<Self> {
        self.get("items").map(|node| self.at(node))
    }

    /// What a value of this type (`string`, `integer`, ...) may be; none where it may not be of that type.
    pub fn of_type(self, kind: &str) -> Option<Self> {
        let mut all = self.alternatives().into_iter();
        all.find(|node| node.types().any(|known| known == kind))
    }

    /// The types that a value may have.
    pub fn all_types(self) -> Vec<&'s str> {
        let all = self.alternatives().into_iter();
        all.flat_map(|node| node.types().collect::<Vec<_>>())
            .collect()
    }

    /// The numbers that are allowed where not all between the bounds are.
    pub fn choices(self) -> Vec<i64> {
        self.list("enum").filter_map(Value::as_i64).collect()
    }

    /// A number of the schema itself, such as `maximum`.
    pub fn number(self, keyword: &str) -> Option<i64> {
        self.get(keyword).and_then(Value::as_i64)
    }

    /// A text of the schema itself, such as `format`.
    pub fn text(self, keyword: &str) -> Option<&'s str> {
        self.get(keyword).and_then(Value::as_str)
    }

    /// How a value may look, in TOML.
    pub fn example(self) -> Option<String> {
        self.list("examples").next().map(Value::to_string)
    }

    /// What holds where nothing is said.
    #[cfg(test)]
    pub fn default(self) -> Option<&'s Value> {
        self.node.get("default")
    }

    fn alternatives(self) -> Vec<Self> {
        let node = self.resolved();
        let all: Vec<_> = node.list("anyOf").collect();
        match all.is_empty() {
            true => vec![node],
            false => all.into_iter().map(|one| node.at(one).resolved()).collect(),
        }
    }

    fn types(self) -> impl Iterator<Item = &'s str> {
        let one = self.text("type").into_iter();
        one.chain(self.list("type").filter_map(Value::as_str))
    }

    /// The definition behind a reference.
    fn resolved(self) -> Self {
        let node = self.list("allOf").next().unwrap_or(self.node);
        let reference = node.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(definition) => self.at(definition),
            None => self,
        }
    }

    fn list(self, keyword: &str) -> impl Iterator<Item = &'s Value> + use<'s> {
        let list = self.get(keyword).and_then(Value::as_array);
        list.into_iter().flatten()
    }

    fn get(self, keyword: &str) -> Option<&'s Value> {
        self.node.get(keyword)
    }

    fn at(self, node: &'s Value) -> Self {
        Self {
            root: self.root,
            node,
        }
    }
}

/// TOML has no null: what is not said is left out.
fn without_null(schema: &mut Generated) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(all)) = schema.get_mut("anyOf") {
        all.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(one)] = all.as_slice() {
            let one = one.clone();
            schema.remove("anyOf");
            for (keyword, value) in one {
                match keyword.as_str() {
                    // Beside a reference this draft allows nothing.
                    "$ref" => schema.insert("allOf".into(), serde_json::json!([{ "$ref": value }])),
                    _ => schema.insert(keyword, value),
                };
            }
        }
    }
}
