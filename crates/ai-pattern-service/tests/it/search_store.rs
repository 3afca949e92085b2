//! The tables of the search: what is kept, and in which order it is found.

use ai_pattern_service::search::{Document, DocumentKind};
use ai_pattern_service::store::{DocumentChanges, Store};

use crate::store::open;

const ALL: [DocumentKind; 4] = [
    DocumentKind::Habit,
    DocumentKind::Entity,
    DocumentKind::Area,
    DocumentKind::Action,
];

fn entity(key: &str, title: &str, text: &str) -> Document {
    Document::new(DocumentKind::Entity, key, title, text, "")
}

async fn found(store: &Store, question: &str) -> Vec<String> {
    let hits = store
        .search_words(question, None, 100)
        .await
        .expect("an answer");
    let mut keys = Vec::new();
    for (document, score) in hits {
        assert!(score > 0.0 && score.is_finite(), "{document:?}: {score}");
        keys.push(document.key);
    }
    keys
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let (_place, store) = open().await;
    let (lamp, fan) = (entity("a", "Lamp", ""), entity("b", "Fan", ""));
    let changed = |written, removed| DocumentChanges { written, removed };
    let both = [lamp.clone(), fan.clone()];
    let keep = async |documents: &[Document]| store.keep_documents(&ALL, documents).await.unwrap();
    assert_eq!(keep(&both).await, changed(2, 0));
    assert_eq!(keep(&both).await, changed(0, 0));
    let renamed = [entity("a", "Torch", ""), fan];
    assert_eq!(keep(&renamed).await, changed(1, 0));
    assert_eq!(
        (found(&store, "torch").await, found(&store, "lamp").await),
        (vec!["a".to_owned()], Vec::new())
    );
    assert_eq!(keep(&renamed[..1]).await, changed(0, 1));
    assert!(found(&store, "fan").await.is_empty());
    // Another kind's documents are none of its business.
    let habits = store.keep_documents(&[DocumentKind::Habit], &[]).await;
    assert_eq!(habits.unwrap(), changed(0, 0));
    assert_eq!(found(&store, "torch").await, ["a"]);
    store.close().await;
}

#[tokio::test]
async fn rare_words_weigh_more_and_titles_more_than_the_rest() {
    let (_place, store) = open().await;
    let mut documents: Vec<Document> = (0..40)
        .map(|n| {
            entity(
                &format!("n{n:02}"),
                &format!("Light {n}"),
                "turns on when it is dark",
            )
        })
        .collect();
    documents.push(entity("bed", "Bedside", "light in the attic"));
    documents.push(entity("text", "Shelf", "beside the bedside"));
    documents.push(entity("longer", "Bedsides", "light in the attic"));
    store.keep_documents(&ALL, &documents).await.unwrap();
    // Most have a light, three have the bedside: as the title itself before a beginning of it, and before the rest.
    let order = found(&store, "the light at the bedside").await;
    assert_eq!(order[0], "bed", "{order:?}");
    assert_eq!(order.len(), 43);
    let mut order = found(&store, "bedside").await;
    assert_eq!(order[0], "bed");
    order.sort();
    assert_eq!(order, ["bed", "longer", "text"]);
    // The kind is looked at before the limit.
    let of_areas = store
        .search_words("light", Some(DocumentKind::Area), 5)
        .await;
    assert!(of_areas.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn words_of_every_script_come_back() {
    let (_place, store) = open().await;
    let names = [
        "Küche",
        "Спальня",
        "Υπνοδωμάτιο",
        "خواب",
        "חדר שינה",
        "शयनकक्ष",
        "ห้องนอน",
        "침실",
        "寝室",
        "phòng ngủ",
        "Łazienka",
        "ﬁlm 2e5 -3",
        "a.b/c?d=e",
        "x@y.z",
    ];
    let documents: Vec<Document> = names.iter().map(|name| entity(name, name, "")).collect();
    store.keep_documents(&ALL, &documents).await.unwrap();
    for name in names {
        assert_eq!(found(&store, name).await, [name]);
    }
    store.close().await;
}

#[tokio::test]
async fn a_vector_lasts_until_the_text_or_the_model_is_another() {
    let (_place, store) = open().await;
    let keep = async |documents: &[Document]| store.keep_documents(&ALL, documents).await.unwrap();
    let fan = entity("b", "Fan", "");
    keep(&[entity("a", "Lamp", ""), fan.clone()]).await;
    let unencoded = async |revision: &str| {
        let texts = store.unencoded(revision, 10).await.unwrap();
        let titles: Vec<String> = texts.iter().map(|text| text.title.clone()).collect();
        (texts, titles)
    };
    let (texts, titles) = unencoded("r1").await;
    assert_eq!(titles, ["Lamp", "Fan"]);
    let with: Vec<_> = texts.into_iter().zip([vec![1_u8, 2], vec![3]]).collect();
    store.keep_vectors("r1", &with).await.unwrap();
    assert!(unencoded("r1").await.1.is_empty());
    // Words that a model is not told of change nothing.
    let more = Document::new(DocumentKind::Entity, "a", "Lamp", "", "ceiling");
    keep(&[more, fan.clone()]).await;
    assert!(unencoded("r1").await.1.is_empty());
    let vectors = store.vectors("r1").await.unwrap();
    let bytes: Vec<Vec<u8>> = vectors.into_iter().map(|(_, _, bytes)| bytes).collect();
    assert_eq!(bytes, [vec![1, 2], vec![3]]);
    keep(&[entity("a", "Torch", ""), fan.clone()]).await;
    assert_eq!(unencoded("r1").await.1, ["Torch"]);
    assert_eq!(store.vectors("r1").await.unwrap().len(), 1);
    // What was encoded before the text changed is not kept for the new one.
    store.keep_vectors("r1", &with).await.unwrap();
    assert_eq!(unencoded("r1").await.1, ["Torch"]);
    assert_eq!(unencoded("r2").await.1, ["Torch", "Fan"]);
    assert!(store.vectors("r2").await.unwrap().is_empty());
    store.close().await;
}
