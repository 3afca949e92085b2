//! `homeiq mine` as a person types it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::process::homeiq;

/// A lamp that goes on around seven, on so many days.
fn lines(days: u32) -> String {
    let mut text = String::new();
    for day in 0..days {
        let date = jiff::civil::date(2026, 6, 1).saturating_add(jiff::Span::new().days(day));
        let minute = 55 + (day * 7) % 5;
        for (hour, minute, state) in [(6, minute, "on"), (8, (day * 11) % 60, "off")] {
            writeln!(
                text,
                "{{\"t\": \"{date}T{hour:02}:{minute:02}:00+00:00\", \"entity_id\": \"light.kitchen\", \"state\": \"{state}\", \"more\": 1}}"
            )
            .expect("a String takes any text");
        }
    }
    text
}

fn mine(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = homeiq(folder, &[])
        .arg("mine")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_file_becomes_sentences_and_json_plain_and_packed() {
    let folder = tempfile::tempdir().unwrap();
    // Some editors begin a file with a mark.
    let plain = format!("\u{feff}{}not a change\n", lines(40));
    std::fs::write(folder.path().join("events.jsonl"), &plain).unwrap();
    let packed = std::fs::File::create(folder.path().join("events.jsonl.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    packed.write_all(plain.as_bytes()).unwrap();
    packed.finish().unwrap();
    let (code, said, error) = mine(
        folder.path(),
        &["events.jsonl", "--timezone", "Europe/Berlin"],
    );
    assert_eq!(code, Some(0), "{error}");
    assert!(
        said.contains("Kitchen turns on around 08:5") && said.contains("1 line is no state change"),
        "{said}"
    );
    let (code, _, error) = mine(
        folder.path(),
        &[
            "events.jsonl.gz",
            "--timezone",
            "Europe/Berlin",
            "--json",
            "out.json",
        ],
    );
    assert_eq!(code, Some(0), "{error}");
    let patterns: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    let habit = &patterns[0];
    assert_eq!(
        (
            habit["type"].as_str(),
            habit["days"].as_str(),
            habit["status"].as_str()
        ),
        (Some("time_of_day"), Some("all"), Some("active")),
        "{habit}"
    );
    assert_eq!(
        habit["evidence"]["occurrences"].as_array().map(Vec::len),
        habit["occurrences"].as_u64().map(|count| count as usize)
    );
}

#[test]
fn what_cannot_be_mined_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events.jsonl"), lines(6)).unwrap();
    std::fs::write(folder.path().join("other.jsonl"), "hello\nworld\n").unwrap();
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    std::fs::write(folder.path().join("packed.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    for (arguments, wanted) in [
        (
            &["missing.jsonl", "--timezone", "UTC"][..],
            "missing.jsonl: No such file",
        ),
        (&["events.jsonl"], "say --timezone"),
        (
            &["events.jsonl", "--timezone", "Europe/Nowhere"],
            "not a time zone",
        ),
        (&["packed.xz", "--timezone", "UTC"], "xz -dc FILE"),
        (&["empty.jsonl", "--timezone", "UTC"], "no line in it"),
        (
            &[
                "events.jsonl",
                "--timezone",
                "UTC",
                "--json",
                "events.jsonl",
            ],
            "events.jsonl is read, and would be overwritten",
        ),
        (
            &[
                "events.jsonl",
                "--timezone",
                "UTC",
                "--json",
                "new",
                "--memory",
                "new",
            ],
            "cannot be in one file",
        ),
        (&["other.jsonl", "--timezone", "UTC"], "none of its 2 lines"),
        (
            &["events.jsonl", "--memory", "other.jsonl"],
            "delete it and give the whole past",
        ),
        (
            &[
                "events.jsonl",
                "--timezone",
                "UTC",
                "--registry",
                "other.jsonl",
            ],
            "other.jsonl",
        ),
    ] {
        let (code, _, error) = mine(folder.path(), arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains(wanted) && error.trim_end().lines().count() == 1,
            "{arguments:?}: {error}"
        );
    }
    let (code, said, _) = mine(folder.path(), &["events.jsonl", "--timezone", "UTC"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("6 of 14 days collected"), "{said}");
    assert_eq!(mine(folder.path(), &["--nonsense"]).0, Some(64));
    let silenced = ["events.jsonl", "--timezone", "UTC", "--silence", "Kitchen"];
    let (code, said, _) = mine(folder.path(), &silenced);
    assert_eq!(code, Some(0));
    assert!(said.contains("--silence Kitchen: no entity"), "{said}");
}

#[test]
fn a_remembered_past_is_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let all = lines(40);
    let lines: Vec<&str> = all.lines().collect();
    let (past, night) = lines.split_at(lines.len() - 2);
    std::fs::write(folder.path().join("past.jsonl"), past.join("\n")).unwrap();
    std::fs::write(folder.path().join("night.jsonl"), night.join("\n")).unwrap();
    let with = |file: &str| {
        mine(
            folder.path(),
            &[
                file,
                "--timezone",
                "UTC",
                "--memory",
                "memory",
                "--json",
                "-",
            ],
        )
    };
    assert_eq!(with("past.jsonl").0, Some(0));
    let (code, said, error) = with("night.jsonl");
    assert_eq!(code, Some(0), "{error}");
    std::fs::write(folder.path().join("all.jsonl"), all).unwrap();
    let (_, whole, _) = mine(
        folder.path(),
        &["all.jsonl", "--timezone", "UTC", "--json", "-"],
    );
    assert_eq!(said, whole);
}
