//! The JSON schemas of the files: for editors, and to validate a document before it is read.

use belljar_http::settings::{Kind, Settings};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema as Generated};
use serde_json::{Value, json};

use super::settings;

/// The schema of a file.
#[derive(Debug, Clone)]
pub struct Schema(Value);

/// A part of a schema: what one value may be.
#[derive(Debug, Clone, Copy)]
pub struct SchemaNode<'s> {
    root: &'s Value,
    node: &'s Value,
}

impl Schema {
    /// The schema in the draft of JSON Schema that TOML editors support.
    pub fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(without_null));
        Self(settings.into_generator().into_root_schema_for::<T>().into())
    }

    pub fn root(&self) -> SchemaNode<'_> {
        SchemaNode {
            root: &self.0,
            node: &self.0,
        }
    }

    pub fn into_json(self) -> Value {
        self.0
    }

    #[cfg(test)]
    pub fn definition(&self, name: &str) -> Option<SchemaNode<'_>> {
        let node = self.0.get("definitions")?.get(name)?;
        Some(self.root().at(node))
    }

    /// Every table that a file may have, the file itself first.
    pub fn tables(&self) -> impl Iterator<Item = SchemaNode<'_>> {
        let definitions = self.0.get("definitions").and_then(Value::as_object);
        let nodes = definitions.into_iter().flat_map(|all| all.values());
        std::iter::once(self.root()).chain(nodes.map(|node| self.root().at(node)))
    }
}

impl<'s> SchemaNode<'s> {
    /// The keys of a table, each with the node of its value.
    pub fn properties(self) -> impl Iterator<Item = (&'s str, SchemaNode<'s>)> {
        let properties = self.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(move |(key, node)| (key.as_str(), self.at(node)))
    }

    /// The node of a key's value. None: the table has no such key.
    pub fn property(self, key: &str) -> Option<Self> {
        let named = self.properties().find(|(name, _)| *name == key);
        let any = self.get("additionalProperties");
        named
            .map(|(_, node)| node)
            .or_else(|| Some(self.at(any.filter(|any| any.is_object())?)))
    }

    /// The keys that a table requires.
    pub fn required(self) -> impl Iterator<Item = &'s str> {
        self.list("required").filter_map(Value::as_str)
    }

    /// The node of a list's items.
    pub fn items(self) -> Option<Self> {
        self.get("items").map(|node| self.at(node))
    }

    /// The node of a value of this type (`string`, `integer`, ...). None: the type is not allowed.
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

    /// The allowed numbers, if only some are allowed.
    pub fn choices(self) -> Vec<i64> {
        self.list("enum").filter_map(Value::as_i64).collect()
    }

    /// A keyword with a number, such as `maximum`.
    pub fn number(self, keyword: &str) -> Option<i64> {
        self.get(keyword).and_then(Value::as_i64)
    }

    /// A keyword with a text, such as `format`.
    pub fn text(self, keyword: &str) -> Option<&'s str> {
        self.get(keyword).and_then(Value::as_str)
    }

    /// Whether the value belongs to a setting. Settings are checked when they are read.
    pub fn is_setting(self) -> bool {
        self.get(SETTING).is_some()
    }

    /// An example of a value, in TOML.
    pub fn example(self) -> Option<String> {
        self.list("examples").next().map(Value::to_string)
    }

    /// The value of a key that is left out.
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

/// Adds the settings of a table to the schema of the table in the file.
pub fn add_settings<S: Settings>(schema: &mut Generated) {
    let properties = schema
        .ensure_object()
        .entry("properties")
        .or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else {
        return;
    };
    for (setting, default) in settings::defaults::<S>() {
        let mut node = keywords(setting.kind, default.as_deref());
        let description = match setting.default {
            Some(words) => format!("{} By default {words}.", setting.description()),
            None => setting.description(),
        };
        node["description"] = description.into();
        node[SETTING] = true.into();
        properties.insert(setting.name.into(), node);
    }
}

fn keywords(kind: Kind, default: Option<&str>) -> Value {
    let mut node = match kind {
        Kind::Time { .. } => json!({ "type": "string", "format": "time", "examples": ["30s"] }),
        Kind::Rate => {
            json!({ "type": "string", "format": "rate", "examples": ["100/s burst 500"] })
        }
        Kind::Size { .. } => {
            json!({ "type": ["string", "integer"], "format": "size", "examples": ["64MiB"] })
        }
        Kind::Count { .. } => json!({ "type": "integer" }),
    };
    if let Kind::Size { least, most } | Kind::Count { least, most } = kind {
        node["minimum"] = least.into();
        if most != u64::MAX {
            node["maximum"] = most.into();
        }
    }
    let Some(default) = default else {
        return node;
    };
    // In the file a count is a number; every other value is a text.
    let default = match (kind, default.parse::<u64>()) {
        (Kind::Count { .. }, Ok(number)) => number.into(),
        _ => Value::from(default),
    };
    if default.is_string() {
        node["examples"] = json!([default]);
    }
    node["default"] = default;
    node
}

/// Removes null, which TOML does not have: a key without a value is left out.
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
                    // This draft ignores all keywords beside a reference.
                    "$ref" => schema.insert("allOf".into(), json!([{ "$ref": value }])),
                    _ => schema.insert(keyword, value),
                };
            }
        }
    }
}

/// The keyword that marks the value of a setting.
const SETTING: &str = "x-setting";
