//! Texts as words that can be compared: small letters without accents, whatever the language.
//!
//! Both databases get words that are folded here and have nothing of their own to decide, so that they find the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words of a question that are looked for; the others are left out.
const MOST_ASKED: usize = 32;
/// Words of a document at most: an entity may have any number of aliases.
const MOST_KEPT: usize = 400;
/// Longest word, in characters.
const LONGEST: usize = 64;
/// Words from this length on, in characters, are also beginnings of words.
const SHORTEST_BEGINNING: usize = 3;
/// Shortest stem that is left of a word without its ending, in characters.
const SHORTEST_STEM: usize = 4;

/// Words that are in every other question and say nothing of what is looked for, folded: English, German, French, Spanish, Dutch.
#[rustfmt::skip] // A table.
const EMPTY: &[&str] = &[
    "a", "about", "after", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "before", "by", "can", "could", "did", "do", "does",
    "for", "from", "get", "go", "goes", "going", "had", "happen", "happens", "has", "have", "he", "her", "his", "how", "i", "if", "in",
    "is", "it", "its", "make", "many", "me", "much", "my", "next", "of", "or", "our", "please", "she", "show", "so", "somebody",
    "someone", "that", "the", "their", "them", "then", "there", "they", "this", "to", "up", "us", "was", "we", "were", "what", "when", "where",
    "which", "while", "who", "whole", "why", "will", "with", "would", "you", "your",
    "aber", "auf", "aus", "bei", "beim", "das", "dem", "den", "der", "des", "die", "ein", "eine", "einem", "einen", "einer", "es", "fur",
    "gehen", "hat", "ich", "im", "ist", "mein", "mit", "nach", "oder", "passiert", "sind", "und", "vom", "von", "wann", "warum", "was",
    "welche", "wenn", "wer", "wie", "wir", "wird", "wo", "zu", "zum", "zur",
    "au", "aux", "avec", "ce", "dans", "de", "du", "elle", "en", "est", "et", "il", "je", "la", "le", "les", "nous", "ou", "par", "pour",
    "qu", "quand", "que", "quel", "quelle", "qui", "quoi", "se", "sur", "un", "une", "vous",
    "con", "cual", "cuando", "del", "donde", "el", "ella", "esta", "las", "los", "nosotros", "para", "por", "se", "una", "y",
    "een", "het", "ik", "naar", "of", "op", "te", "van", "waar", "wanneer", "wat", "we", "wij", "zijn",
];

/// One thing to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// A folded word: letters, digits and marks, nothing that a query language knows.
    pub(crate) word: String,
    /// It may go on.
    pub(crate) is_beginning: bool,
}

/// The words of a text, folded, in their order, with spaces between them.
pub(crate) fn folded(text: &str) -> String {
    let words: Vec<String> = words(text).take(MOST_KEPT).collect();
    words.join(" ")
}

/// The words of a text that are not in `known`, folded, each once.
pub(crate) fn folded_besides(text: &str, known: &str) -> String {
    let mut rest: Vec<String> = Vec::new();
    for word in words(text).take(MOST_KEPT) {
        if !rest.contains(&word) && !known.split(' ').any(|it| it == word) {
            rest.push(word);
        }
    }
    rest.join(" ")
}

/// What a question looks for: its words, and what may begin with them. Words that say nothing are left out where others do.
pub(crate) fn phrases(question: &str) -> Vec<Phrase> {
    let all: Vec<String> = words(question).collect();
    let telling: Vec<&String> = all
        .iter()
        .filter(|word| !EMPTY.contains(&word.as_str()))
        .collect();
    let asked = if telling.is_empty() {
        all.iter().collect()
    } else {
        telling
    };
    let mut phrases: Vec<Phrase> = Vec::new();
    let mut add = |word: &str, is_beginning| {
        let phrase = Phrase {
            word: word.to_owned(),
            is_beginning,
        };
        if !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    };
    for word in asked.into_iter().take(MOST_ASKED) {
        add(word, false);
        if word.chars().count() >= SHORTEST_BEGINNING {
            add(word, true);
        }
        if let Some(stem) = stem(word) {
            add(stem, true);
        }
    }
    phrases
}

/// `lamps` is asked for, `lamp` is there; `closing`, and `closes` is there; `batteries`, and `battery` is there.
fn stem(word: &str) -> Option<&str> {
    let endings = ["ing", "ies", "s"];
    let stem = endings
        .iter()
        .find_map(|ending| word.strip_suffix(ending))?;
    (stem.chars().count() >= SHORTEST_STEM).then_some(stem)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase).nfkd() {
        if is_accent(c) {
            continue;
        }
        if is_written_alone(c) || !(c.is_alphanumeric() || is_combining_mark(c)) {
            words.push(std::mem::take(&mut word));
        }
        match c {
            'ß' => word.push_str("ss"),
            'æ' => word.push_str("ae"),
            'œ' => word.push_str("oe"),
            'ø' => word.push('o'),
            'ł' => word.push('l'),
            'đ' => word.push('d'),
            'ı' => word.push('i'),
            c if is_written_alone(c) => words.push(c.to_string()),
            c if c.is_alphanumeric() || is_combining_mark(c) => word.push(c),
            _ => {}
        }
    }
    words.push(word);
    words
        .into_iter()
        .filter(|word| word.contains(char::is_alphanumeric))
        .map(|word| word.chars().take(LONGEST).collect())
}

/// Marks over and under Latin, Greek and Cyrillic letters, and those that turn kana into others.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}')
}

/// Signs of scripts that put no spaces between words: each counts as a word.
fn is_written_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
        && c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(question: &str) -> Vec<String> {
        let star = |phrase: Phrase| {
            let mark = if phrase.is_beginning { "*" } else { "" };
            phrase.word + mark
        };
        phrases(question).into_iter().map(star).collect()
    }

    #[test]
    fn accents_and_capitals_are_folded() {
        assert_eq!(folded("Küchen-LAMPE (Straße)"), "kuchen lampe strasse");
        assert_eq!(
            folded("Éclairage à l’entrée"),
            "eclairage a l entree",
            "a typographic apostrophe parts words"
        );
        assert_eq!(folded("İstanbul ILIK Łódź Ærø"), "istanbul ilik lodz aero");
        assert_eq!(folded("light.living_room_tv 2"), "light living room tv 2");
        assert_eq!(folded("Свет в КУХНЕ, й"), "свет в кухне и");
        assert_eq!(folded("ﬁlm Ⅳ ①"), "film iv 1");
        assert_eq!(
            folded_besides("lamp of the Lamp in a room", "lamp"),
            "of the in a room"
        );
    }

    #[test]
    fn scripts_without_spaces_are_found_sign_by_sign() {
        assert_eq!(folded("寝室の照明"), "寝 室 の 照 明");
        assert_eq!(folded("テレビTV"), "テ レ ヒ tv");
        assert_eq!(folded("शयनकक्ष"), folded("शयनकक्ष!"));
        assert_eq!(folded("शयनकक्ष").split(' ').count(), 1);
    }

    #[test]
    fn what_says_nothing_is_left_out_unless_nothing_else_is_asked() {
        assert_eq!(asked("What happens when we go to bed?"), ["bed", "bed*"]);
        assert_eq!(asked("when"), ["when", "when*"]);
        assert_eq!(asked("tv"), ["tv"]);
        assert_eq!(
            asked("lights closing"),
            [
                "lights", "lights*", "light*", "closing", "closing*", "clos*"
            ]
        );
    }

    #[test]
    fn nothing_of_a_query_language_is_left() {
        for hostile in [
            "\"bed\" NEAR(a b) * ^c col:d -e {x y}: + ' OR 1=1 --",
            "a' | !b & (c <-> d):*AB \\",
            "😀 \u{0} \u{202e}bed\u{301}\u{301}",
        ] {
            for phrase in phrases(hostile) {
                assert!(phrase.word.chars().all(char::is_alphanumeric), "{phrase:?}");
            }
        }
        assert!(phrases("😀 !? … \u{300}").is_empty());
        let long = "word".repeat(5_000) + &" x1 y2".repeat(5_000);
        assert!(phrases(&long).len() <= 3 * MOST_ASKED);
        assert!(folded(&long).len() < MOST_KEPT * (LONGEST + 1));
    }
}
