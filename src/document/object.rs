//! Builds the object from the items, as a small tree.

use std::collections::HashMap;

use super::item::{Item, PathStep};
use super::quoted;
use crate::json;
use crate::system::error::{Error, Kind, Result};

/// The JSON text of the object that the items make.
pub(super) fn object(items: &[Item]) -> Result<String> {
    let mut root = Node::Object(ObjectMembers::default());
    for item in items {
        let json = item.load()?;
        let mut node = &mut root;
        let mut reached = 0;
        for step in &item.path {
            node = node.enter(&step.to).map_err(|kind| {
                let place = quoted(&item.name[..reached]);
                Error::new(
                    Kind::Usage,
                    format!("building the object: {place} is not {kind}"),
                )
            })?;
            reached = step.end;
        }
        if !matches!(node, Node::Hole) {
            let place = quoted(&item.name);
            return Err(Error::new(
                Kind::Usage,
                format!("building the object: duplicate key {place}"),
            )
            .hint("leave one of them out"));
        }
        *node = Node::Raw(json);
    }
    let mut json = String::new();
    root.write(&mut json);
    Ok(json)
}

/// A value in the object being built. It is nested no deeper than the keys of the items, so its recursion is bounded.
enum Node {
    /// No value yet: a new member, or an array element below a higher index that was set first.
    Hole,
    /// JSON as it was given.
    Raw(String),
    Object(ObjectMembers),
    Array(Vec<Node>),
}

#[derive(Default)]
struct ObjectMembers {
    /// Each key, as JSON text, with its value.
    list: Vec<(String, Node)>,
    /// The index of each key in the list.
    places: HashMap<String, usize>,
}

impl ObjectMembers {
    /// The value of the key. A new key is added as `written`.
    fn at(&mut self, key: String, written: String) -> &mut Node {
        let fresh = self.list.len();
        let place = *self.places.entry(key).or_insert(fresh);
        if place == fresh {
            self.list.push((written, Node::Hole));
        }
        &mut self.list[place].1
    }
}

impl Node {
    /// The node at `place`, created if it does not exist. The error names the type that this node would have to be.
    fn enter(&mut self, place: &PathStep) -> std::result::Result<&mut Node, &'static str> {
        self.open(place);
        match (self, place) {
            (Node::Object(members), PathStep::Key(key)) => {
                Ok(members.at(key.clone(), json::string(key)))
            }
            (Node::Array(elements), PathStep::Index(index)) => {
                if *index >= elements.len() {
                    elements.resize_with(index + 1, || Node::Hole);
                }
                Ok(&mut elements[*index])
            }
            (Node::Array(elements), PathStep::Next) => {
                let fresh = elements.len();
                elements.push(Node::Hole);
                Ok(&mut elements[fresh])
            }
            (Node::Raw(json), PathStep::Key(_)) if json.starts_with('{') => {
                Err("an object without duplicate keys")
            }
            (_, PathStep::Key(_)) => Err("an object"),
            (_, PathStep::Index(_) | PathStep::Next) => Err("an array"),
        }
    }

    /// Turns a hole, or JSON that is an object or array, into an open object or array. An object with duplicate keys stays
    /// as it is: it is unclear which of two members of the same name an item refers to.
    fn open(&mut self, place: &PathStep) {
        let opened = match (&*self, place) {
            (Node::Hole, PathStep::Key(_)) => Node::Object(ObjectMembers::default()),
            (Node::Hole, PathStep::Index(_) | PathStep::Next) => Node::Array(Vec::new()),
            (Node::Raw(json), _) if json.starts_with('{') => {
                let mut members = ObjectMembers::default();
                for (written, value) in json::children(json) {
                    let written = written.unwrap_or_default();
                    // A key that cannot be decoded cannot be written in an item either.
                    let key = json::text_of(written).unwrap_or_else(|| written.to_owned());
                    if members.places.contains_key(&key) {
                        return;
                    }
                    *members.at(key, written.to_owned()) = Node::Raw(value.to_owned());
                }
                Node::Object(members)
            }
            (Node::Raw(json), _) if json.starts_with('[') => {
                let elements = json::children(json).map(|(_, value)| Node::Raw(value.to_owned()));
                Node::Array(elements.collect())
            }
            _ => return,
        };
        *self = opened;
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Hole => out.push_str("null"),
            Node::Raw(json) => out.push_str(json),
            Node::Object(members) => {
                out.push('{');
                for (count, (key, value)) in members.list.iter().enumerate() {
                    out.push_str(if count > 0 { "," } else { "" });
                    out.push_str(key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Node::Array(elements) => {
                out.push('[');
                for (count, value) in elements.iter().enumerate() {
                    out.push_str(if count > 0 { "," } else { "" });
                    value.write(out);
                }
                out.push(']');
            }
        }
    }
}
