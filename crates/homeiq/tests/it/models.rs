//! `homeiq models`: the same work as model-prep, beside the data of this home.

use test_support::minilm;

use crate::process::{end_of, homeiq};

#[test]
fn models_are_prepared_beside_the_data_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let source = minilm::folder().unwrap();
    let source = format!("file://{}", source.parent().unwrap().display());
    let settings = [("MODEL_SOURCE", source.as_str())];
    let run = |words: &[&str]| {
        let output = homeiq(folder.path(), &settings).args(words).output();
        let output = output.unwrap();
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code(), text)
    };
    let (code, said) = run(&["models", "verify"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("10 files are not there"), "{said}");
    let (code, said) = run(&["models", "prepare"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("100 %") && said.contains("all-MiniLM-L6-v2: ready"),
        "{said}"
    );
    assert!(folder.path().join("data/models/hub/models.lock").exists());
    let (code, said) = run(&["models", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["models", "prepare", "gpt"]);
    assert_eq!(code, Some(64), "{said}");
}

#[test]
fn a_model_that_nobody_knows_is_a_mistake_in_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = end_of(folder.path(), &[("MODELS_TO_DOWNLOAD", "gpt")]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("bge-reranker-base"), "{said}");
}
