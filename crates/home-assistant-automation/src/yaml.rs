//! Writes a tree as YAML that 1.1 and 1.2 read alike: keys of ours bare, every text in double quotes.

use std::fmt::Write as _;

use crate::node::Node;

/// What becomes of the choices of a blueprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// The value of this home stands in their place.
    Filled,
    /// `!input` stands in their place.
    Named,
}

/// The text of a tree.
pub(crate) fn write(node: &Node, inputs: Inputs) -> String {
    let mut out = String::new();
    block(node, 0, inputs, &mut out);
    out
}

/// The lines of a map or a list; the cursor is at the beginning of a line, or behind a dash, and `indent` deep.
fn block(node: &Node, indent: usize, inputs: Inputs, out: &mut String) {
    match node {
        Node::Map(map) => {
            for (place, (key, value)) in map.iter().enumerate() {
                if place > 0 {
                    margin(indent, out);
                }
                out.push_str(key);
                out.push(':');
                below(value, indent, inputs, out);
            }
        }
        Node::List(list) => {
            for (place, value) in list.iter().enumerate() {
                if place > 0 {
                    margin(indent, out);
                }
                out.push('-');
                match value {
                    Node::Map(map) if !map.is_empty() => {
                        out.push(' ');
                        block(value, indent + 2, inputs, out);
                    }
                    other => below(other, indent, inputs, out),
                }
            }
        }
        scalar => {
            out.push_str(&inline(scalar, inputs));
            out.push('\n');
        }
    }
}

/// What comes behind a colon or a dash.
fn below(node: &Node, indent: usize, inputs: Inputs, out: &mut String) {
    match node {
        Node::Input(input) if inputs == Inputs::Filled => {
            below(&input.default, indent, inputs, out);
        }
        Node::Map(map) if !map.is_empty() => nested(node, indent + 2, inputs, out),
        Node::List(list) if !list.iter().all(is_scalar) => nested(node, indent + 2, inputs, out),
        other => {
            out.push(' ');
            out.push_str(&inline(other, inputs));
            out.push('\n');
        }
    }
}

fn nested(node: &Node, indent: usize, inputs: Inputs, out: &mut String) {
    out.push('\n');
    margin(indent, out);
    block(node, indent, inputs, out);
}

fn margin(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_scalar(node: &Node) -> bool {
    matches!(node, Node::Text(_) | Node::Number(_) | Node::Flag(_))
}

/// A value within a line.
fn inline(node: &Node, inputs: Inputs) -> String {
    match node {
        Node::Text(text) => quoted(text),
        // Never with an exponent, which YAML 1.1 takes for a text where it has no dot.
        Node::Number(number) => number.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::List(list) => {
            let all: Vec<String> = list.iter().map(|value| inline(value, inputs)).collect();
            format!("[{}]", all.join(", "))
        }
        Node::Map(map) => {
            let all: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", inline(value, inputs)))
                .collect();
            format!("{{{}}}", all.join(", "))
        }
        Node::Input(input) if inputs == Inputs::Named => format!("!input {}", input.key),
        Node::Input(input) => inline(&input.default, inputs),
    }
}

/// In double quotes; what is not printable in every version of YAML is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            ' '..='~'
            | '\u{a0}'..='\u{2027}'
            | '\u{202a}'..='\u{d7ff}'
            | '\u{f900}'..='\u{fefe}'
            | '\u{10000}'..='\u{1ffff}' => out.push(c),
            other => {
                // Writing to a text does not fail.
                write!(out, "\\U{:08X}", u32::from(other)).ok();
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_keys_are_not() {
        let node = Node::Map(vec![
            ("at", Node::text("06:45:00")),
            (
                "list",
                Node::List(vec![Node::text("on"), Node::Number(0.000_000_1)]),
            ),
            ("none", Node::Map(Vec::new())),
            (
                "steps",
                Node::List(vec![Node::Map(vec![
                    ("action", Node::text("light.turn_on")),
                    (
                        "target",
                        Node::Map(vec![("entity_id", Node::text("a\u{7}\"\n"))]),
                    ),
                ])]),
            ),
        ]);
        let text = "at: \"06:45:00\"\nlist: [\"on\", 0.0000001]\nnone: {}\nsteps:\n  - action: \"light.turn_on\"\n    target:\n      \
                    entity_id: \"a\\U00000007\\\"\\n\"\n";
        assert_eq!(write(&node, Inputs::Filled), text);
    }
}
