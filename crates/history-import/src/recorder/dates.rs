//! Instants as the recorder keeps them: floats of seconds today, dates before 2023.

use common::instant::UtcMicros;
use database::Row;
use database::failure::StoreFailure;

/// In SQLite dates are text; in PostgreSQL they are made microseconds without a float in between. (A new database there has a column of
/// the type `char(1)`, with nothing in it.)
macro_rules! date {
    ($column:literal, $is_sqlite:expr) => {
        if $is_sqlite {
            concat!("CAST(", $column, " AS TEXT)")
        } else {
            concat!(
                "CAST(EXTRACT(EPOCH FROM date_trunc('second', CAST(",
                $column,
                " AS TIMESTAMP WITH TIME ZONE))) AS BIGINT) * 1000000 + CAST(EXTRACT(MICROSECONDS FROM CAST(",
                $column,
                " AS TIMESTAMP WITH TIME ZONE)) AS BIGINT) % 1000000"
            )
        }
    };
}
pub(crate) use date;

/// Seconds since 1970 as Home Assistant keeps them.
pub(crate) fn of_seconds(seconds: f64) -> Option<i64> {
    UtcMicros::from_history_seconds(seconds)
        .ok()
        .map(UtcMicros::get)
}

/// An instant of a column that [`date`] was put around.
pub(crate) fn read(row: &Row, column: usize, is_sqlite: bool) -> Result<Option<i64>, StoreFailure> {
    if is_sqlite {
        Ok(row
            .get::<Option<String>>(column)?
            .as_deref()
            .and_then(of_text))
    } else {
        row.get(column)
    }
}

/// `2022-03-04 05:06:07.123456`, in UTC, as SQLAlchemy writes it into SQLite.
fn of_text(text: &str) -> Option<i64> {
    let naive = text.replacen(' ', "T", 1);
    format!("{naive}Z")
        .parse::<UtcMicros>()
        .or_else(|_| naive.parse())
        .ok()
        .map(UtcMicros::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_both_forms_are_exact() {
        assert_eq!(
            of_seconds(1_795_421_580.211_806_5),
            Some(1_795_421_580_211_807)
        );
        assert_eq!(of_seconds(f64::NAN), None);
        let micros = Some(1_646_370_367_123_456);
        assert_eq!(of_text("2022-03-04 05:06:07.123456"), micros);
        assert_eq!(of_text("2022-03-04 05:06:07.123456+00:00"), micros);
        assert_eq!(of_text("2022-03-04 05:06:07"), Some(1_646_370_367_000_000));
        assert_eq!(of_text("yesterday"), None);
    }
}
