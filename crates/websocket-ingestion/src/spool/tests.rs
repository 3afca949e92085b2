//! The spool on a real disk.

use super::*;
use crate::buffer::tests::line;

const PLENTY: u64 = 1 << 30;

fn batch(range: std::ops::Range<i64>) -> Vec<Line> {
    range.map(line).collect()
}

fn numbers(lines: &Lines) -> Vec<i64> {
    let body = lines.body();
    let texts = std::str::from_utf8(&body).unwrap().lines();
    texts
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap())
        .map(|event| event["state"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// Everything that waits, in order.
fn drain(spool: &mut Spool) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let next = spool.peek(None, 7, LinesBuilder::default()).unwrap();
        if next.lines.is_empty() {
            return all;
        }
        all.extend(numbers(&next.lines));
        spool.pass(&next);
    }
}

fn newest_file(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn what_was_added_comes_out_in_order_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(opened, Opened::default());
    spool.append(&batch(0..20)).unwrap();
    spool.append(&batch(20..25)).unwrap();
    assert_eq!(spool.records(), 25);
    assert_eq!(drain(&mut spool), (0..25).collect::<Vec<_>>());
    assert_eq!((spool.records(), spool.bytes()), (0, 0));
    spool.append(&batch(25..26)).unwrap();
    assert_eq!(drain(&mut spool), [25]);
}

#[test]
fn a_restart_goes_on_where_the_position_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..10)).unwrap();
    let first = spool.peek(None, 4, LinesBuilder::default()).unwrap();
    spool.pass(&first);
    spool.upkeep().unwrap().run().unwrap();
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(
        opened,
        Opened {
            records: 6,
            ..Opened::default()
        }
    );
    spool.append(&batch(10..12)).unwrap();
    assert_eq!(drain(&mut spool), (4..12).collect::<Vec<_>>());
}

#[test]
fn a_sudden_end_in_the_middle_of_a_record_loses_that_record_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..5)).unwrap();
    let path = newest_file(folder.path());
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length - 3)
        .unwrap();
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(
        opened,
        Opened {
            records: 4,
            ..Opened::default()
        }
    );
    spool.append(&batch(9..10)).unwrap();
    assert_eq!(drain(&mut spool), [0, 1, 2, 3, 9]);
}

#[test]
fn damage_in_an_older_file_keeps_its_valid_part_and_sets_the_file_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..5)).unwrap();
    let damaged = newest_file(folder.path());
    spool.new_segment().unwrap();
    spool.append(&batch(5..8)).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&damaged, bytes).unwrap();
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(opened.damaged, 1);
    let kept = drain(&mut spool);
    assert!(
        kept.starts_with(&[0, 1]) && kept.ends_with(&[5, 6, 7]) && kept.len() < 8,
        "{kept:?}"
    );
    assert!(damaged.with_extension("damaged").exists());
    let (before, after) = opened.around_damage;
    assert!(before.unwrap() < after.unwrap() && after == Some(line(5).at));
    // The file that was set aside is no part of the spool any more.
    spool.upkeep().unwrap().run().unwrap();
    spool.append(&batch(20..22)).unwrap();
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!((opened.records, opened.damaged), (2, 0));
    assert_eq!(drain(&mut spool), [20, 21]);
}

#[test]
fn damage_in_the_middle_of_the_newest_file_is_not_taken_for_a_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..9)).unwrap();
    let damaged = newest_file(folder.path());
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&damaged, bytes).unwrap();
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!((opened.records, opened.damaged), (4, 1));
    assert_eq!(opened.around_damage, (Some(line(3).at), None));
    assert!(damaged.with_extension("damaged").exists());
    assert_eq!(drain(&mut spool), [0, 1, 2, 3]);
}

#[test]
fn a_file_that_is_not_ours_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0000000001.log"), "something else").unwrap();
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(
        opened,
        Opened {
            records: 0,
            damaged: 1,
            ..Opened::default()
        }
    );
    spool.append(&batch(0..1)).unwrap();
    assert_eq!(drain(&mut spool), [0]);
}

#[test]
fn a_full_spool_lets_the_oldest_go_and_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), 2_500).unwrap();
    spool.append(&batch(0..10)).unwrap();
    spool.new_segment().unwrap();
    spool.append(&batch(10..20)).unwrap();
    spool.append(&batch(20..30)).unwrap();
    let lost = spool.take_lost();
    assert_eq!((lost.records, spool.take_lost().records), (10, 0));
    assert_eq!(lost.span, Some((line(0).at, line(9).at)));
    assert_eq!(drain(&mut spool), (10..30).collect::<Vec<_>>());
}

#[test]
fn a_batch_whose_file_was_let_go_while_it_was_sent_moves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), 2_500).unwrap();
    spool.append(&batch(0..10)).unwrap();
    spool.new_segment().unwrap();
    spool.append(&batch(10..20)).unwrap();
    let being_sent = spool.peek(None, 4, LinesBuilder::default()).unwrap();
    // Meanwhile the spool is full, and the file of that batch has to go.
    spool.append(&batch(20..30)).unwrap();
    assert_eq!(spool.take_lost().records, 10);
    spool.pass(&being_sent);
    assert_eq!(spool.records(), 20);
    assert_eq!(drain(&mut spool), (10..30).collect::<Vec<_>>());
}

#[test]
fn a_record_that_breaks_while_the_spool_is_in_use_is_set_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..5)).unwrap();
    let damaged = newest_file(folder.path());
    spool.new_segment().unwrap();
    spool.append(&batch(5..8)).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[MAGIC.len() + 20] ^= 0xff;
    std::fs::write(&damaged, bytes).unwrap();
    let told = spool.peek(None, 7, LinesBuilder::default()).unwrap_err();
    assert_eq!(told.kind(), io::ErrorKind::InvalidData, "{told}");
    let lost = spool.set_aside().unwrap();
    assert_eq!((lost.records, lost.span.is_some()), (5, true));
    assert!(damaged.with_extension("damaged").exists());
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!((opened.records, opened.damaged), (3, 0));
    assert_eq!(drain(&mut spool), [5, 6, 7]);
}

#[test]
fn batches_are_read_ahead_across_files_while_the_first_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..5)).unwrap();
    spool.new_segment().unwrap();
    spool.append(&batch(5..8)).unwrap();
    let first = spool.peek(None, 3, LinesBuilder::default()).unwrap();
    let second = spool
        .peek(Some(first.end), 10, LinesBuilder::default())
        .unwrap();
    let third = spool
        .peek(Some(second.end), 10, LinesBuilder::default())
        .unwrap();
    assert_eq!(numbers(&second.lines), [3, 4]);
    assert_eq!(numbers(&third.lines), [5, 6, 7]);
    assert!(
        spool
            .peek(Some(third.end), 10, LinesBuilder::default())
            .unwrap()
            .lines
            .is_empty()
    );
    for sent in [&first, &second, &third] {
        spool.pass(sent);
    }
    assert_eq!((spool.records(), spool.bytes()), (0, 0));
    // The next file has another number: an old place is none in it.
    spool.append(&batch(8..9)).unwrap();
    spool.pass(&third);
    assert_eq!(drain(&mut spool), [8]);
}

#[test]
fn a_line_longer_than_what_is_read_at_once_comes_out_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    let long = Line {
        json: vec![b'x'; READ_BYTES + 1].into(),
        at: line(0).at,
    };
    spool.append(&[long]).unwrap();
    let next = spool.peek(None, 7, LinesBuilder::default()).unwrap();
    assert_eq!(next.lines.body().len(), READ_BYTES + 2);
    spool.pass(&next);
    assert_eq!(spool.records(), 0);
}

#[test]
fn a_position_that_could_not_be_written_is_not_taken_for_one_in_a_later_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..5)).unwrap();
    let some = spool.peek(None, 4, LinesBuilder::default()).unwrap();
    spool.pass(&some);
    spool.upkeep().unwrap().run().unwrap();
    assert_eq!(drain(&mut spool), [4]);
    // From here on the position cannot be written: a folder stands in its way.
    std::fs::create_dir(folder.path().join("position.partial")).unwrap();
    let passed_over = newest_file(folder.path());
    spool.append(&batch(5..10)).unwrap();
    spool.upkeep().unwrap().run().unwrap_err();
    assert!(
        !passed_over.exists(),
        "what was sent needs no room any more"
    );
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!(opened.records, 5, "not four of them passed over");
    std::fs::remove_dir(folder.path().join("position.partial")).unwrap();
    assert_eq!(drain(&mut spool), [5, 6, 7, 8, 9]);
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_batch_leaves_nothing_of_it_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path(), PLENTY).unwrap();
    spool.append(&batch(0..3)).unwrap();
    // The kernel says "no space left" for every byte that is written there, and cannot make it shorter either.
    let full = std::fs::OpenOptions::new().append(true).open("/dev/full");
    spool.open = Some(full.unwrap());
    let told = spool.append(&batch(3..6)).unwrap_err();
    assert_eq!(told.kind(), io::ErrorKind::StorageFull, "{told}");
    spool.append(&batch(3..6)).unwrap();
    assert_eq!(spool.segments.len(), 2, "a file whose end is not sure");
    spool.probe().unwrap();
    drop(spool);
    let (mut spool, opened) = Spool::open(folder.path(), PLENTY).unwrap();
    assert_eq!((opened.records, opened.damaged), (6, 0));
    assert_eq!(drain(&mut spool), [0, 1, 2, 3, 4, 5]);
}
