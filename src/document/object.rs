//! Builds the object from the items, as a small tree.
//!
//! A value that was given as JSON stays one text, however large: an item that reaches into it records what it adds or
//! changes there. So an item that adds one element to an array of millions takes no memory for each of these.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::item::{Item, PathStep};
use super::quoted;
use crate::json;
use crate::system::error::{Error, Kind, Result};

/// The JSON text of the object that the items make.
pub(super) fn object(items: &[Item]) -> Result<String> {
    let mut root = Node::Object(Given::new("{}"), ObjectMembers::default());
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
        *node = Node::Raw(JsonText::new(json));
    }
    let mut json = String::new();
    root.write(&mut json);
    Ok(json)
}

/// JSON as it was given, or a part of it.
#[derive(Clone)]
struct JsonText {
    whole: Rc<String>,
    part: Range<usize>,
}

impl JsonText {
    fn new(json: String) -> JsonText {
        JsonText {
            part: 0..json.len(),
            whole: Rc::new(json),
        }
    }

    fn as_str(&self) -> &str {
        &self.whole[self.part.clone()]
    }

    /// The part of it at `range`.
    fn part(&self, range: &Range<usize>) -> JsonText {
        let start = self.part.start;
        JsonText {
            whole: self.whole.clone(),
            part: start + range.start..start + range.end,
        }
    }
}

/// A value in the object being built. It is nested no deeper than the keys of the items, so its recursion is bounded.
enum Node {
    /// No value yet: a new member, or an array element below a higher index that was set first.
    Hole,
    /// JSON as it was given.
    Raw(JsonText),
    /// An object: what was given of it, and the members that items added.
    Object(Given, ObjectMembers),
    /// An array: what was given of it, and the elements that items added.
    Array(Given, Vec<Node>),
}

/// An object or array as it was given, and those of its values that items reach into.
struct Given {
    json: JsonText,
    /// Each such value, by where it begins and ends in the text.
    entered: BTreeMap<usize, (usize, Node)>,
}

#[derive(Default)]
struct ObjectMembers {
    /// Each key, as JSON text, with its value.
    list: Vec<(String, Node)>,
    /// The index of each key in the list.
    places: HashMap<String, usize>,
}

impl ObjectMembers {
    /// The value of the key, which is added if it is new.
    fn at(&mut self, key: &str) -> &mut Node {
        let fresh = self.list.len();
        let place = *self.places.entry(key.to_owned()).or_insert(fresh);
        if place == fresh {
            self.list.push((json::string(key), Node::Hole));
        }
        &mut self.list[place].1
    }
}

impl Given {
    fn new(json: &str) -> Given {
        Given::from(JsonText::new(json.to_owned()))
    }

    fn from(json: JsonText) -> Given {
        Given {
            json,
            entered: BTreeMap::new(),
        }
    }

    /// Where the values of the members called `key` are: of the first two of them, if there are more.
    fn find(&self, key: &str) -> (Option<Range<usize>>, Option<Range<usize>>) {
        let json = self.json.as_str();
        let is_meant = |written: &str| match written.contains('\\') {
            // A key that cannot be decoded cannot be written in an item either.
            true => json::text_of(written).is_some_and(|text| text == key),
            false => &written[1..written.len() - 1] == key,
        };
        let members = json::child_ranges(json);
        let mut found = members
            .filter(|(name, _)| {
                name.as_ref()
                    .is_some_and(|name| is_meant(&json[name.clone()]))
            })
            .map(|(_, value)| value);
        (found.next(), found.next())
    }

    /// The element at `index`, else how many there are.
    fn element(&self, index: usize) -> std::result::Result<Range<usize>, usize> {
        let mut count = 0;
        for (_, range) in json::child_ranges(self.json.as_str()) {
            if count == index {
                return Ok(range);
            }
            count += 1;
        }
        Err(count)
    }

    /// The value at `range` of the text.
    fn value(&mut self, range: Range<usize>) -> &mut Node {
        let json = &self.json;
        let raw = || (range.end, Node::Raw(json.part(&range)));
        &mut self.entered.entry(range.start).or_insert_with(raw).1
    }

    /// Writes it without its last bracket. Returns whether values may follow without a comma.
    fn write(&self, out: &mut String) -> bool {
        let json = self.json.as_str();
        let body = json::trim(&json[..json.len() - 1]);
        let mut written = 0;
        for (start, (end, node)) in &self.entered {
            out.push_str(&body[written..*start]);
            node.write(out);
            written = *end;
        }
        out.push_str(&body[written..]);
        body.len() == 1
    }
}

impl Node {
    /// The node at `place`, created if it does not exist. The error names the type that this node would have to be.
    fn enter(&mut self, place: &PathStep) -> std::result::Result<&mut Node, &'static str> {
        self.open(place);
        match (self, place) {
            (Node::Object(given, members), PathStep::Key(key)) => match given.find(key) {
                (None, _) => Ok(members.at(key)),
                (Some(range), None) => Ok(given.value(range)),
                // It is unclear which of them the item refers to.
                (Some(_), Some(_)) => Err("an object without duplicate keys"),
            },
            (Node::Array(given, elements), PathStep::Index(index)) => {
                let added = match given.element(*index) {
                    Ok(range) => return Ok(given.value(range)),
                    Err(count) => index - count,
                };
                if added >= elements.len() {
                    elements.resize_with(added + 1, || Node::Hole);
                }
                Ok(&mut elements[added])
            }
            (Node::Array(_, elements), PathStep::Next) => {
                let fresh = elements.len();
                elements.push(Node::Hole);
                Ok(&mut elements[fresh])
            }
            (_, PathStep::Key(_)) => Err("an object"),
            (_, PathStep::Index(_) | PathStep::Next) => Err("an array"),
        }
    }

    /// Turns a hole, or JSON that is an object or array, into an open object or array.
    fn open(&mut self, place: &PathStep) {
        let object = |given| Node::Object(given, ObjectMembers::default());
        let array = |given| Node::Array(given, Vec::new());
        *self = match (&*self, place) {
            (Node::Hole, PathStep::Key(_)) => object(Given::new("{}")),
            (Node::Hole, PathStep::Index(_) | PathStep::Next) => array(Given::new("[]")),
            (Node::Raw(json), _) if json.as_str().starts_with('{') => {
                object(Given::from(json.clone()))
            }
            (Node::Raw(json), _) if json.as_str().starts_with('[') => {
                array(Given::from(json.clone()))
            }
            _ => return,
        };
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Hole => out.push_str("null"),
            Node::Raw(json) => out.push_str(json.as_str()),
            Node::Object(given, members) => {
                let mut is_first = given.write(out);
                for (key, value) in &members.list {
                    out.push_str(if is_first { "" } else { "," });
                    out.push_str(key);
                    out.push(':');
                    value.write(out);
                    is_first = false;
                }
                out.push('}');
            }
            Node::Array(given, elements) => {
                let mut is_first = given.write(out);
                for value in elements {
                    out.push_str(if is_first { "" } else { "," });
                    value.write(out);
                    is_first = false;
                }
                out.push(']');
            }
        }
    }
}
