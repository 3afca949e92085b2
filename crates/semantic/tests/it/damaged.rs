//! Folders that are nearly the model: each is refused with its reason, and none ends the program.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use semantic::{Error, SentenceEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;

fn real() -> PathBuf {
    test_support::minilm::folder().expect("the real weights")
}

/// The real model without `without`.
fn folder(without: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        if name != without {
            symlink(real().join(name), folder.path().join(name)).expect("a link");
        }
    }
    folder
}

fn refusal(folder: &Path) -> Error {
    let refused = SentenceEncoder::open(folder).err();
    refused.expect("the folder is not the model")
}

/// The header of the real weights, and the bytes of the file.
fn header() -> (Value, u64) {
    let mut file = File::open(real().join("model.safetensors")).expect("weights");
    let mut length = [0; 8];
    file.read_exact(&mut length).expect("a length");
    let mut header = vec![0; u64::from_le_bytes(length) as usize];
    file.read_exact(&mut header).expect("a header");
    let size = file.metadata().expect("a size").len();
    let data = size - 8 - header.len() as u64;
    (serde_json::from_slice(&header).expect("JSON"), data)
}

/// Weights with this header, all of them zero.
fn write(path: &Path, header: &[u8], data: u64) {
    let mut file = File::create(path).expect("a file");
    let length = header.len() as u64;
    file.write_all(&length.to_le_bytes()).expect("written");
    file.write_all(header).expect("written");
    file.set_len(8 + length + data).expect("a length");
}

fn is_damaged(folder: &Path, reason: &str) {
    let error = refusal(folder);
    let text = error.to_string();
    assert!(
        matches!(&error, Error::Damaged { path, .. } if path.ends_with("model.safetensors")),
        "{error:?}"
    );
    assert!(text.contains(reason), "{text}");
    assert!(text.contains("homeiq models prepare"), "{text}");
}

#[test]
fn cut_weights_are_refused() {
    let folder = folder("model.safetensors");
    let path = folder.path().join("model.safetensors");
    fs::copy(real().join("model.safetensors"), &path).expect("a copy");
    let size = fs::metadata(&path).expect("a size").len();
    let file = OpenOptions::new().write(true).open(&path).expect("a file");
    for (length, reason) in [
        (size + 1, "and should have"),
        (size - 1, "before the end of"),
        (size / 2, "before the end of"),
        (5_000, "does not begin as safetensors do"),
        (7, "it has 7 bytes"),
        (0, "it has 0 bytes"),
    ] {
        file.set_len(length).expect("a length");
        is_damaged(folder.path(), reason);
    }
}

#[test]
fn weights_that_are_no_weights_are_refused() {
    let folder = folder("model.safetensors");
    let path = folder.path().join("model.safetensors");
    for (bytes, reason) in [
        (&b"<!DOCTYPE html><html>"[..], "does not begin"),
        (&[0xff; 4096], "does not begin"),
        (&[0; 4096], "header cannot be read"),
    ] {
        fs::write(&path, bytes).expect("written");
        is_damaged(folder.path(), reason);
    }
    let deep = "[".repeat(100_000);
    write(&path, deep.as_bytes(), 0);
    is_damaged(folder.path(), "header cannot be read");
    write(&path, b"{}", 0);
    is_damaged(folder.path(), "is not in it");
}

#[test]
fn weights_of_another_shape_or_kind_are_refused() {
    let folder = folder("model.safetensors");
    let path = folder.path().join("model.safetensors");
    let (header, data) = header();
    let words = "embeddings.word_embeddings.weight";
    for (key, value, reason) in [
        ("shape", json!([384, 30_522]), "has the shape [384, 30522]"),
        ("shape", json!([30_522 * 384]), "has the shape"),
        ("dtype", json!("I32"), "not its 32-bit numbers"),
        ("shape", json!([30_522]), "header cannot be read"),
        (
            "shape",
            json!([u64::MAX, u64::MAX]),
            "header cannot be read",
        ),
        (
            "data_offsets",
            json!([0, u64::MAX]),
            "header cannot be read",
        ),
        ("data_offsets", json!([8, 4]), "header cannot be read"),
        ("dtype", json!("X1"), "header cannot be read"),
    ] {
        let mut changed = header.clone();
        changed[words][key] = value;
        write(&path, changed.to_string().as_bytes(), data);
        is_damaged(folder.path(), reason);
    }
    // The shape is right, the numbers are not.
    write(&path, header.to_string().as_bytes(), data);
    is_damaged(folder.path(), "no direction");
}

/// Makes the tokenizer another one.
type Change = fn(&mut Value);

#[test]
fn another_vocabulary_is_refused() {
    let folder = folder("tokenizer.json");
    let path = folder.path().join("tokenizer.json");
    let whole = fs::read(real().join("tokenizer.json")).expect("a tokenizer");
    let tokenizer: Value = serde_json::from_slice(&whole).expect("JSON");
    let changes: [Change; 6] = [
        |t| t["model"]["vocab"] = json!({"[UNK]": 100, "[CLS]": 101, "[SEP]": 102}),
        |t| t["model"]["vocab"]["zone"] = json!(4_000_000_000_u32),
        |t| t["normalizer"] = Value::Null,
        |t| t["pre_tokenizer"] = json!({"type": "Whitespace"}),
        |t| t["post_processor"] = Value::Null,
        |t| t["model"] = json!({"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = tokenizer.clone();
        change(&mut changed);
        fs::write(&path, changed.to_string()).expect("written");
        let error = refusal(folder.path());
        assert!(
            matches!(error, Error::OtherModel { .. }),
            "change {number}: {error}"
        );
    }
    for length in [0, 1, 1_000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("written");
        let error = refusal(folder.path());
        assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
    }
}

#[test]
fn damage_in_the_decoder_ends_nothing() {
    let folder = folder("tokenizer.json");
    let path = folder.path().join("tokenizer.json");
    let whole = fs::read_to_string(real().join("tokenizer.json")).expect("a tokenizer");
    let decoder = whole.find("\"decoder\"").expect("a decoder");
    let brace = decoder + whole[decoder..].find('{').expect("its beginning");
    let mut cut = whole.clone();
    cut.replace_range(brace..=brace, "?");
    fs::write(&path, cut).expect("written");
    let error = refusal(folder.path());
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    // What it says is nothing to a model that only reads.
    let mut other: Value = serde_json::from_str(&whole).expect("JSON");
    other["decoder"] = json!(5);
    fs::write(&path, other.to_string()).expect("written");
    SentenceEncoder::open(folder.path()).expect("the model");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Bytes of the tokenizer, and of the header of the weights, are not what they were. The weights are zero, so no folder is good.
    #[test]
    fn no_damage_ends_the_program(
        in_tokenizer in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let name = if in_tokenizer { "tokenizer.json" } else { "model.safetensors" };
        let folder = folder(name);
        let path = folder.path().join(name);
        let (header, data) = header();
        let mut bytes = if in_tokenizer {
            fs::remove_file(folder.path().join("model.safetensors")).expect("removed");
            fs::read(real().join(name)).expect("a tokenizer")
        } else {
            header.to_string().into_bytes()
        };
        for (place, byte) in damage {
            // Where the structure is, more than in the vocabulary.
            let end = bytes.len().min(16_000);
            bytes[place.index(end)] = byte;
        }
        if in_tokenizer {
            fs::write(&path, &bytes).expect("written");
        } else {
            write(&path, &bytes, data);
        }
        let text = refusal(folder.path()).to_string();
        prop_assert!(text.contains("homeiq models prepare"), "{}", text);
    }
}
