//! Folders that are not the model, without its weights.

use std::fs;
use std::path::Path;

use semantic::{Error, SentenceEncoder};

/// As the model's own, but for `change`.
fn config(change: (&str, &str)) -> String {
    let config = r#"{"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 384, "initializer_range": 0.02,
        "intermediate_size": 1536, "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "model_type": "bert",
        "num_attention_heads": 12, "num_hidden_layers": 6, "pad_token_id": 0, "position_embedding_type": "absolute",
        "type_vocab_size": 2, "use_cache": true, "vocab_size": 30522}"#;
    assert!(change.0.is_empty() || config.contains(change.0));
    config.replace(change.0, change.1)
}

fn refusal(folder: &Path) -> Error {
    let refused = SentenceEncoder::open(folder).err();
    refused.expect("the folder is not the model")
}

#[test]
fn the_missing_file_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = refusal(&folder.path().join("nowhere")).to_string();
    assert!(error.contains("nowhere/config.json is missing"), "{error}");
    assert!(error.contains("homeiq models prepare"), "{error}");
    fs::write(folder.path().join("config.json"), config(("gelu", "gelu"))).expect("written");
    let error = refusal(folder.path()).to_string();
    assert!(error.contains("tokenizer.json is missing"), "{error}");
}

#[test]
fn the_config_of_another_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for change in [
        ("384", "768"),
        ("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 12"),
        ("\"num_attention_heads\": 12", "\"num_attention_heads\": 0"),
        ("30522", "250037"),
        ("\"bert\"", "\"roberta\""),
        ("\"gelu\"", "\"swish\""),
        ("\"gelu\"", "\"relu\""),
        ("\"hidden_size\"", "\"d_model\""),
    ] {
        fs::write(folder.path().join("config.json"), config(change)).expect("written");
        let error = refusal(folder.path());
        assert!(
            matches!(error, Error::OtherModel { .. }),
            "{change:?}: {error}"
        );
    }
}

#[test]
fn what_is_no_json_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let large = "[".repeat(70_000);
    let whole = config(("gelu", "gelu"));
    for text in ["", "{", "\u{0}\u{1}", &whole[..100], &large] {
        fs::write(folder.path().join("config.json"), text).expect("written");
        let error = refusal(folder.path());
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    fs::write(folder.path().join("config.json"), &whole).expect("written");
    for text in ["", "{}", "[]", "{\"version\": \"1.0\", \"model\": {}}"] {
        fs::write(folder.path().join("tokenizer.json"), text).expect("written");
        let error = refusal(folder.path());
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_folder_in_the_place_of_a_file_is_unreadable() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("config.json")).expect("a folder");
    let error = refusal(folder.path());
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}
