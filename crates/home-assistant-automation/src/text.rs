//! Text of the home on its way into an automation.

use common::entity::domain_of;

use crate::reason::NotAutomatable;

/// Longest alias, in characters.
const MAX_ALIAS: usize = 120;
/// Longest state that Home Assistant has, in characters.
const MAX_STATE: usize = 255;

/// Text for people: without control characters and what changes the direction of writing, and without braces, so that nothing in it looks like
/// a template.
pub fn prose(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '{' => '(',
            '}' => ')',
            c if is_invisible(c) || c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a sentence, as a name: without the counts in brackets at its end.
pub(crate) fn alias(sentence: &str) -> String {
    let end = sentence.rfind(" (").unwrap_or(sentence.len());
    let short = prose(&sentence[..end]);
    let short = if short.is_empty() { "Habit" } else { &short };
    short.chars().take(MAX_ALIAS).collect()
}

/// Characters that are not seen: controls, marks of direction, joiners, surrogates' neighbours and private ones.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

/// An entity id that Home Assistant takes.
pub(crate) fn entity(id: &str) -> Result<&str, NotAutomatable> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let domain = domain_of(id);
    match id
        .strip_prefix(domain)
        .and_then(|rest| rest.strip_prefix('.'))
    {
        Some(object) if is_word(domain) && is_word(object) && id.len() <= MAX_STATE => Ok(id),
        _ => Err(NotAutomatable::BadEntityId { entity: prose(id) }),
    }
}

/// A state that may stand in an automation.
pub(crate) fn state<'a>(entity: &str, state: &'a str) -> Result<&'a str, NotAutomatable> {
    let is_template = ["{{", "{%", "{#"].iter().any(|mark| state.contains(mark));
    let is_bad = is_template
        || state.is_empty()
        || state.chars().count() > MAX_STATE
        || state.chars().any(is_invisible);
    if is_bad {
        return Err(NotAutomatable::BadState {
            entity: prose(entity),
        });
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_be_a_template_and_what_is_not_seen() {
        let hostile = "Lamp {{ states('x') }}\n!secret p \u{202e}{% if %}{# #}\u{0}\"'";
        assert_eq!(
            prose(hostile),
            "Lamp (( states('x') )) !secret p (% if %)(# #) \"'"
        );
        assert_eq!(
            alias("Hall lamp (left) turns on around 06:45 (19 of 21 days)."),
            "Hall lamp (left) turns on around 06:45"
        );
        assert_eq!(alias(""), "Habit");
    }

    #[test]
    fn only_entity_ids_of_this_day_are_taken() {
        assert!(entity("light.kitchen_2").is_ok());
        for bad in [
            "light.Küche",
            "light",
            "light.",
            ".x",
            "light.a b",
            "light.{{x}}",
            "light.a\"b",
            "a.b.c",
        ] {
            assert!(entity(bad).is_err(), "{bad}");
        }
        assert!(state("a.b", "{{ x }}").is_err() && state("a.b", "a\nb").is_err());
        assert_eq!(state("a.b", "Spät {nachts}"), Ok("Spät {nachts}"));
    }
}
