//! What came of an import.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use common::instant::UtcMicros;

use crate::page::Rejections;

/// Bytes that a state change takes in data-api's database, all indexes included, about.
const BYTES_A_ROW: u64 = 45;
/// Domains that are shown.
const DOMAINS: usize = 20;

/// The numbers. `read` is the sum of `stored`, `duplicates`, `left_out` and the rejected rows, unless data-api failed in between.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Where it was read from.
    pub from: String,
    /// Where it went.
    pub to: String,
    /// What a row is called: `state changes`, `statistics`.
    pub what: &'static str,
    /// Nothing was sent.
    pub dry_run: bool,
    /// An earlier run had come this far.
    pub resumed: bool,
    /// Rows of the source.
    pub read: u64,
    /// Rows that are new in the store; in a dry run those that would be sent.
    pub stored: u64,
    /// Rows that the store had.
    pub duplicates: u64,
    /// Rows that a filter left out.
    pub left_out: u64,
    /// Rows that cannot be stored, by reason.
    pub rejected: Rejections,
    /// Rows that were stored without their attributes, which are not a JSON object.
    pub without_attributes: u64,
    /// Rows that were sent, by domain.
    pub by_domain: BTreeMap<String, u64>,
    /// Entities of these rows.
    pub entities: u64,
    /// Their first and last instant, in microseconds.
    pub span: Option<(i64, i64)>,
    /// How long it took.
    pub took: Duration,
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that fits.
fn size(bytes: u64) -> String {
    let mebibytes = bytes as f64 / (1024.0 * 1024.0);
    if mebibytes >= 1024.0 {
        format!("{:.1} GiB", mebibytes / 1024.0)
    } else {
        format!("{mebibytes:.1} MiB")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, rows: u64, note: &str| {
            write!(f, "\n  {name:<12} {:>15}", grouped(rows))?;
            if note.is_empty() {
                Ok(())
            } else {
                write!(f, "  {note}")
            }
        };
        if self.dry_run {
            write!(
                f,
                "Dry run: {} from {}, nothing was sent",
                self.what, self.from
            )?;
        } else {
            write!(
                f,
                "Import of {} from {} into {}",
                self.what, self.from, self.to
            )?;
        }
        if self.resumed {
            f.write_str(
                "\n  An earlier run had come part of the way; --from-start reads everything again.",
            )?;
        }
        row(f, "read", self.read, "rows")?;
        if self.dry_run {
            row(
                f,
                "would go",
                self.stored,
                "to data-api; it counts what it has already",
            )?;
        } else {
            row(f, "stored", self.stored, "new")?;
            row(f, "duplicates", self.duplicates, "data-api had them")?;
        }
        if self.left_out > 0 {
            row(
                f,
                "left out",
                self.left_out,
                "by --since, --until or --entity",
            )?;
        }
        if self.without_attributes > 0 {
            row(
                f,
                "bare",
                self.without_attributes,
                "go without attributes, because theirs are no JSON object",
            )?;
        }
        row(f, "rejected", self.rejected.total(), "")?;
        for (reason, rows) in &self.rejected.0 {
            row(f, "", *rows, reason)?;
        }
        if let Some((oldest, newest)) = self.span {
            let shown = |micros| UtcMicros::new(micros).map(|at| at.to_string()[..19].to_owned());
            let (oldest, newest) = (
                shown(oldest).unwrap_or_default(),
                shown(newest).unwrap_or_default(),
            );
            write!(
                f,
                "\n  from {oldest} to {newest} UTC, {} entities",
                grouped(self.entities)
            )?;
        }
        let mut domains: Vec<_> = self.by_domain.iter().collect();
        domains.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
        for (domain, rows) in domains.iter().take(DOMAINS) {
            row(f, domain, **rows, "")?;
        }
        if domains.len() > DOMAINS {
            let rest = domains[DOMAINS..].iter().map(|(_, rows)| **rows).sum();
            row(f, "others", rest, "")?;
        }
        if self.dry_run {
            let bytes = self.stored * BYTES_A_ROW;
            write!(f, "\n  about {} on data-api's disk", size(bytes))?;
        }
        let seconds = self.took.as_secs_f64();
        let rate = (self.read as f64 / seconds.max(0.001)) as u64;
        write!(f, "\n  {seconds:.1} s, {} rows/s", grouped(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_became_of_every_row() {
        let mut report = Report {
            from: "a.db".to_owned(),
            to: "http://b".to_owned(),
            what: "state changes",
            read: 1_234_567,
            stored: 1_234_000,
            duplicates: 560,
            span: Some((0, 1_000_000)),
            by_domain: BTreeMap::from([("light".to_owned(), 1_234_560)]),
            took: Duration::from_secs(10),
            ..Report::default()
        };
        report.rejected.add("too long", 7);
        let text = report.to_string();
        for part in [
            "1,234,567",
            "560",
            "too long",
            "123,456 rows/s",
            "1970-01-01T00:00:01",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        report.dry_run = true;
        assert!(report.to_string().contains("53.0 MiB"), "{report}");
    }
}
