//! Texts of every length, and what their vectors say.

#[test]
fn no_text_is_too_long_or_too_short() {
    let encoder = crate::encoder();
    assert!(encoder.encode(&[]).expect("no vectors").is_empty());
    let word = "ü".repeat(3_000_000);
    let words = "kitchen light ".repeat(500_000);
    let pieces = "kitchen light ".repeat(200);
    let vectors = encoder
        .encode(&["", "\0", &word, &words, &pieces, "\u{fffd}\u{202e}"])
        .expect("vectors");
    assert_eq!(vectors.len(), 6);
    // Both are the same as far as they are read.
    assert!(vectors[3].similarity(&vectors[4]) > 0.99999);
    assert!(vectors[2].similarity(&vectors[4]) < 0.5);
}

#[test]
fn many_texts_keep_their_order() {
    let encoder = crate::encoder();
    let names = [
        "Sofa lamp",
        "Garage door of the neighbours' house",
        "Fridge",
    ];
    let expected = encoder.encode(&names).expect("vectors");
    let many: Vec<&str> = names.iter().copied().cycle().take(1_030).collect();
    let found = encoder.encode(&many).expect("vectors");
    assert_eq!(found.len(), many.len());
    for (number, found) in found.iter().enumerate() {
        assert!(found.similarity(&expected[number % names.len()]) > 0.99999);
    }
}

#[test]
fn what_means_alike_is_near() {
    let encoder = crate::encoder();
    let names = [
        "Living room ceiling light",
        "Washing machine power",
        "Front door lock",
        "Bedroom thermostat",
        "Rain sensor on the roof",
    ];
    let embeddings = encoder.encode(&names).expect("vectors");
    for (question, expected) in [
        ("lamp in the lounge", 0),
        ("is the laundry done?", 1),
        ("did somebody unlock the house?", 2),
        ("it is too cold where we sleep", 3),
        ("weather outside, is it wet?", 4),
    ] {
        let question_vector = &encoder.encode(&[question]).expect("a vector")[0];
        let nearest = (0..names.len()).max_by(|&a, &b| {
            let near = |name: usize| question_vector.similarity(&embeddings[name]);
            near(a).total_cmp(&near(b))
        });
        assert_eq!(nearest, Some(expected), "{question}");
    }
}
