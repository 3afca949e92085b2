//! A text as its difference from another one, its base.
//!
//! A patch begins with two bytes of the SHA-256 of the text. Pieces follow: how many bytes of the base stay as they are, how many are
//! left out, how many come in their place (each number in LEB128), and these. What remains of the base after the last piece stays. It
//! knows nothing of JSON: what comes back is the same to the byte.

use sha2::{Digest, Sha256};

/// Bytes at the beginning that say which text it is.
const CHECK_BYTES: usize = 2;
/// Shortest run in common that is worth ending a piece for: a new one has three numbers.
const LEAST_COMMON: usize = 5;
/// Bytes of the base times bytes of the text, beyond which what differs is one piece: looking for more would take too long.
const MOST_COMPARISONS: usize = 1 << 14;

/// Bytes that come in place of others.
struct Piece<'a> {
    /// How many before it stay.
    keep: usize,
    /// How many it takes the place of.
    leave_out: usize,
    put_in: &'a [u8],
}

/// What makes `text` of `base`.
pub(in crate::store) fn diff(base: &str, text: &str) -> Vec<u8> {
    let mut pieces = Vec::new();
    let rest = compare(base.as_bytes(), text.as_bytes(), 0, &mut pieces);
    debug_assert!(rest <= base.len(), "more stays than there is");
    let mut patch = check(text).to_vec();
    for piece in pieces {
        number(piece.keep, &mut patch);
        number(piece.leave_out, &mut patch);
        number(piece.put_in.len(), &mut patch);
        patch.extend_from_slice(piece.put_in);
    }
    patch
}

/// The text that a patch makes of its base; none when the patch does not fit.
pub(in crate::store) fn apply(base: &str, patch: &[u8]) -> Option<String> {
    let mut base = base.as_bytes();
    let mut patch = patch.get(CHECK_BYTES..)?;
    let mut text = Vec::with_capacity(base.len() + patch.len());
    while !patch.is_empty() {
        let (keep, leave_out) = (take_number(&mut patch)?, take_number(&mut patch)?);
        let put_in = take_number(&mut patch)?;
        text.extend_from_slice(base.get(..keep)?);
        base = base.get(keep.checked_add(leave_out)?..)?;
        text.extend_from_slice(patch.get(..put_in)?);
        patch = &patch[put_in..];
    }
    text.extend_from_slice(base);
    String::from_utf8(text).ok()
}

/// Whether a patch was made for this text.
pub(in crate::store) fn is_of(patch: &[u8], text: &str) -> bool {
    patch.starts_with(&check(text))
}

fn check(text: &str) -> [u8; CHECK_BYTES] {
    let digest = Sha256::digest(text.as_bytes());
    [digest[0], digest[1]]
}

/// Adds the pieces that make `text` of `base`, the first of them after `kept` more bytes; how many bytes after the last one stay.
fn compare<'a>(base: &[u8], text: &'a [u8], kept: usize, pieces: &mut Vec<Piece<'a>>) -> usize {
    let before = base.iter().zip(text).take_while(|(a, b)| a == b).count();
    let (base, text) = (&base[before..], &text[before..]);
    let after = base
        .iter()
        .rev()
        .zip(text.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let kept = kept + before;
    let (base, text) = (&base[..base.len() - after], &text[..text.len() - after]);
    if base.is_empty() && text.is_empty() {
        return kept + after;
    }
    let common = longest_common(base, text);
    if common.length < LEAST_COMMON {
        pieces.push(Piece {
            keep: kept,
            leave_out: base.len(),
            put_in: text,
        });
        return after;
    }
    let kept = compare(&base[..common.base], &text[..common.text], kept, pieces);
    let (base, text) = (
        &base[common.base + common.length..],
        &text[common.text + common.length..],
    );
    compare(base, text, kept + common.length, pieces) + after
}

/// A run of bytes that is in both.
#[derive(Default)]
struct Common {
    base: usize,
    text: usize,
    length: usize,
}

/// The longest run in common, or none where looking for it would take too long.
fn longest_common(base: &[u8], text: &[u8]) -> Common {
    let mut longest = Common::default();
    if base.len().saturating_mul(text.len()) > MOST_COMPARISONS {
        return longest;
    }
    // How long the run is that ends before each byte of the text, for the byte of the base that was looked at last.
    let mut runs = vec![0; text.len() + 1];
    for (i, of_base) in base.iter().enumerate() {
        for (j, of_text) in text.iter().enumerate().rev() {
            runs[j + 1] = if of_base == of_text { runs[j] + 1 } else { 0 };
            if runs[j + 1] > longest.length {
                let length = runs[j + 1];
                longest = Common {
                    base: i + 1 - length,
                    text: j + 1 - length,
                    length,
                };
            }
        }
    }
    longest
}

fn number(mut value: usize, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take_number(from: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn comes_back(base: &str, text: &str) -> Vec<u8> {
        let patch = diff(base, text);
        assert_eq!(apply(base, &patch).as_deref(), Some(text), "from {base}");
        assert!(is_of(&patch, text));
        patch
    }

    #[test]
    fn what_json_says_in_more_than_one_way_comes_back_as_it_was_sent() {
        let sets = [
            r#"{"a":1,"b":[1,2],"c":{"d":null}}"#,
            r#"{"a":1.0,"b":[1,2],"c":{"d":null}}"#,
            r#"{"a":1e0,"b":[1, 2],"c":{}}"#,
            r#"{"b":[1,2],"a":1,"c":{"d":null}}"#,
            r#"{"a":1,"b":[2,1]}"#,
            r#"{"a":null}"#,
            r#"{"ä":"\u00e4","b":"ä 🏠"}"#,
            "{}",
            "{ }",
        ];
        for base in sets {
            for text in sets {
                comes_back(base, text);
            }
        }
    }

    #[test]
    fn a_colour_takes_the_bytes_of_its_numbers_and_a_few_more() {
        let light = |brightness: u8, hue: &str, rgb: &str| {
            format!(
                r#"{{"friendly_name":"Bed","color_mode":"hs","brightness":{brightness},"hs_color":[{hue}],"rgb_color":[{rgb}],"supported_features":44}}"#
            )
        };
        let patch = comes_back(
            &light(100, "12.5,80.0", "255,120,51"),
            &light(17, "300.25,20.5", "249,203,255"),
        );
        assert!(patch.len() <= 2 + 3 * 3 + 2 + 11 + 11, "{}", patch.len());
        assert_eq!(comes_back("{}", "{}").len(), CHECK_BYTES);
    }

    #[test]
    fn long_texts_are_compared_in_a_bounded_time() {
        let text = |seed: u32| -> String {
            (0..200_000_u32)
                .map(|n| {
                    char::from(b'a' + (n.wrapping_mul(n).wrapping_add(seed * n) >> 7) as u8 % 26)
                })
                .collect()
        };
        let begun = std::time::Instant::now();
        comes_back(&text(1), &text(2));
        assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_patch_that_does_not_fit_makes_no_text() {
        let patch = diff(r#"{"a":1,"b":2}"#, r#"{"a":1,"b":345}"#);
        assert_eq!(apply("{}", &patch), None);
        for bytes in [
            &[][..],
            &[1],
            &[0, 0, 1],
            &[0, 0, 0, 0, 5, b'x'],
            &[
                0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0,
            ],
        ] {
            assert_eq!(apply("{}", bytes), None, "{bytes:?}");
        }
        assert_eq!(apply("ä", &[0, 0, 1, 1, 0]), None, "half a letter");
    }

    fn attributes() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_map(|n| json!(n)),
            "[a-cäß🏠\"\\\\ ]{0,8}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-d]{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::hash_map("[a-hé]{1,3}", value, 0..8)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn attribute_sets_come_back(base in attributes(), text in attributes()) {
            comes_back(&base.to_string(), &text.to_string());
        }

        #[test]
        fn a_set_of_which_some_keys_changed_went_or_came_comes_back(
            base in attributes(), changed in attributes(), gone in prop::collection::hash_set("[a-hé]{1,3}", 0..4)
        ) {
            let mut set = base.as_object().cloned().unwrap_or_default();
            set.extend(changed.as_object().cloned().unwrap_or_default());
            set.retain(|key, _| !gone.contains(key));
            comes_back(&base.to_string(), &Value::Object(set).to_string());
        }

        #[test]
        fn any_texts_come_back(base in "[ab{}\",:ä]{0,40}", text in "\\PC{0,40}|[ab{}\",:ä]{0,60}") {
            comes_back(&base, &text);
        }

        #[test]
        fn no_bytes_make_it_panic(base in "\\PC{0,20}", patch in prop::collection::vec(any::<u8>(), 0..40)) {
            let made = apply(&base, &patch);
            prop_assert!(made.is_none_or(|text| text.len() <= base.len() + patch.len()));
        }
    }
}
