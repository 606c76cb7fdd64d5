//! The JSON Schema (draft 2020-12) of the document: completion and checks in editors. What `maitred schema` prints.
//!
//! Made from the same shapes that are read, so that it has every key, default and doc comment. It is a little wider than the
//! language where a schema cannot say more: grammars of scalars are patterns at most.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::document::{Document, PolicyShapes};
use crate::node::{Node, Scalar, ScalarKind, Value};
use crate::read::{ConfigMap, Field, MapShape, Shape, WordsShape, unindented};

#[cfg(test)]
mod tests;

/// The schema of a whole document, with these policies.
pub fn document_schema(policies: &dyn PolicyShapes) -> Json {
    let mut schemas = Schemas { policies, definitions: BTreeMap::new(), names: BTreeMap::new() };
    let mut root = schemas.object(Document::map_shape());
    let defs: Map<String, Json> = schemas.definitions.into_iter().collect();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("maitred");
    root["properties"]["include"] = json!({
        "description": "Files that are read as parts of this one, with `*`, `?` and `**`; relative to this file.",
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
    });
    root["$defs"] = Json::Object(defs);
    root
}

/// The schema of one shape, complete in itself.
pub fn shape_schema(shape: &Shape, policies: &dyn PolicyShapes) -> Json {
    let mut schemas = Schemas { policies, definitions: BTreeMap::new(), names: BTreeMap::new() };
    let mut schema = schemas.shape(shape);
    let defs: Map<String, Json> = schemas.definitions.into_iter().collect();
    schema["$defs"] = Json::Object(defs);
    schema
}

struct Schemas<'a> {
    policies: &'a dyn PolicyShapes,
    definitions: BTreeMap<String, Json>,
    /// The names of the definitions by the address of their shape: two types may have the same name.
    names: BTreeMap<usize, String>,
}

/// `${…}` may stand wherever a scalar is wanted.
fn or_put_in(schema: &Json) -> Json {
    json!({ "anyOf": [schema, { "type": "string", "pattern": "\\$\\{" }] })
}

impl Schemas<'_> {
    fn shape(&mut self, shape: &Shape) -> Json {
        match shape {
            Shape::Any => json!({}),
            Shape::Bool => or_put_in(&json!({ "type": "boolean" })),
            Shape::Int { min, max } => {
                or_put_in(&json!({ "type": "integer", "minimum": min, "maximum": max }))
            }
            Shape::Text(text) => match text.pattern {
                Some(pattern) => {
                    or_put_in(&json!({ "type": "string", "pattern": pattern, "examples": [text.example] }))
                }
                None => json!({ "type": ["string", "number", "boolean"], "examples": [text.example] }),
            },
            Shape::Words(words) => self.words(words),
            Shape::Secret => json!({ "type": "string", "pattern": "^$|\\$\\{" }),
            Shape::List { item, not_empty } => {
                let item = self.shape(item);
                let mut list = json!({ "type": "array", "items": item });
                if *not_empty {
                    list["minItems"] = json!(1);
                }
                json!({ "anyOf": [item, list] })
            }
            Shape::Named(inside) => {
                let is_setting = matches!(**inside, Shape::Map(_));
                let value = self.shape(inside);
                let value = if is_setting { json!({ "anyOf": [value, { "const": false }] }) } else { value };
                json!({ "type": "object", "additionalProperties": value })
            }
            Shape::Map(map) => self.reference(map),
            Shape::Switch(inside) => json!({ "anyOf": [self.shape(inside), { "const": false }] }),
            Shape::OneOf(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>() })
            }
            Shape::Policies => self.policy_map(),
        }
    }

    fn words(&mut self, shape: &'static WordsShape) -> Json {
        let (name, known) = self.name(std::ptr::from_ref(shape).addr(), shape.name);
        if !known {
            let mut choices: Vec<Json> = Vec::new();
            for (word, doc) in shape.words {
                choices.push(json!({ "const": word, "description": unindented(doc) }));
                // Without quotes, such a word is a number.
                if let Some(number) = number(word) {
                    choices.push(json!({ "const": number, "description": unindented(doc) }));
                }
            }
            let definition = json!({ "description": unindented(shape.doc), "anyOf": choices });
            self.definitions.insert(name.clone(), or_put_in(&definition));
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// A reference to the definition of a map, which is made if it is not there.
    fn reference(&mut self, shape: &'static MapShape) -> Json {
        let (name, known) = self.name(std::ptr::from_ref(shape).addr(), shape.name);
        if !known {
            let mut forms = vec![self.object(shape)];
            if !shape.fields.iter().any(Field::required) {
                forms.push(json!({ "const": true }));
            }
            if shape.short.is_some() {
                forms.push(json!({ "type": "string" }));
            } else if let Some(main) = shape.main() {
                forms.push(self.shape(&(main.shape)()));
            }
            let definition = json!({ "description": unindented(shape.doc), "anyOf": forms });
            self.definitions.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn object(&mut self, shape: &MapShape) -> Json {
        let mut properties = Map::new();
        for field in shape.fields {
            let mut schema = self.shape(&(field.shape)());
            schema["description"] = json!(unindented(field.doc));
            if let Some(Ok(default)) = field.default.map(Node::parse) {
                schema["default"] = to_json(&default);
            }
            properties.insert(field.key.into(), schema);
        }
        let required: Vec<&str> =
            shape.fields.iter().filter(|field| field.required()).map(|field| field.key).collect();
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    }

    fn policy_map(&mut self) -> Json {
        if !self.definitions.contains_key("Policies") {
            // Known before it is made: a policy may contain policies.
            self.definitions.insert("Policies".into(), Json::Null);
            let mut properties = Map::new();
            let mut labelled = Map::new();
            properties.insert(
                "use".into(),
                json!({
                    "description": "Sets of policies that are laid below these.",
                    "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                }),
            );
            for kind in self.policies.kinds() {
                let Some(shape) = self.policies.shape(kind) else { continue };
                let schema = json!({ "anyOf": [self.shape(&shape), { "const": false }] });
                labelled.insert(format!("^{kind}/[^/]+$"), schema.clone());
                properties.insert(kind.into(), schema);
            }
            let closed = !labelled.is_empty();
            let mut object =
                json!({ "type": "object", "properties": properties, "patternProperties": labelled });
            if closed {
                object["additionalProperties"] = json!(false);
            }
            self.definitions.insert("Policies".into(), json!({ "anyOf": [object, { "const": false }] }));
        }
        json!({ "$ref": "#/$defs/Policies" })
    }

    /// The name of a definition, and whether it is there already (or being made).
    fn name(&mut self, address: usize, name: &str) -> (String, bool) {
        if let Some(name) = self.names.get(&address) {
            return (name.clone(), true);
        }
        let mut free = name.to_owned();
        let mut number = 1;
        while self.names.values().any(|taken| *taken == free) {
            number += 1;
            free = format!("{name}{number}");
        }
        self.names.insert(address, free.clone());
        (free, false)
    }
}

/// The number that a word is without quotes.
fn number(word: &str) -> Option<Json> {
    match Scalar::plain(word).kind {
        ScalarKind::Int(number) => Some(json!(number)),
        ScalarKind::Float(number) => Some(json!(number)),
        _ => None,
    }
}

/// A tree as JSON.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => Json::Object(
            map.entries.iter().map(|entry| (entry.key.to_string(), to_json(&entry.value))).collect(),
        ),
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => Json::Null,
            ScalarKind::Bool(value) => json!(value),
            ScalarKind::Int(number) => json!(number),
            ScalarKind::Float(number) => json!(number),
            ScalarKind::String => json!(scalar.text),
        },
    }
}
