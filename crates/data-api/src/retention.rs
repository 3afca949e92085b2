//! Which stored rows rules delete. Pure: rows in, instants out.

mod run;

use common::api::storage::NewStorageRule;

use crate::history::{Held, Row};

pub(crate) use run::Retention;

const DAY_US: i64 = 86_400_000_000;

/// An entity as rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: i64,
    pub(crate) entity_id: String,
    pub(crate) domain: String,
    pub(crate) device_class: Option<String>,
}

/// Why a rule cannot be.
pub(crate) fn mistake(rule: &NewStorageRule) -> Option<&'static str> {
    let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !(said(&rule.entity_id) || said(&rule.domain) || said(&rule.device_class)) {
        return Some("want at least one of entity_id, domain and device_class");
    }
    let does = [
        rule.keep_days.is_some(),
        rule.thin_seconds.is_some(),
        rule.exclude,
    ];
    if does.into_iter().filter(|does| *does).count() != 1 {
        return Some("want exactly one of keep_days, thin_seconds and exclude");
    }
    if rule.keep_days == Some(0) || rule.keep_days.is_some_and(|days| days > 36_500) {
        return Some("keep_days: want 1 to 36500");
    }
    if rule
        .thin_seconds
        .is_some_and(|seconds| !(1..=86_400).contains(&seconds))
    {
        return Some("thin_seconds: want 1 to 86400");
    }
    if rule.older_than_days.is_some_and(|days| days > 36_500) {
        return Some("older_than_days: want 0 to 36500");
    }
    if rule.older_than_days.is_some() && rule.thin_seconds.is_none() {
        return Some("older_than_days goes with thin_seconds");
    }
    None
}

/// Whether a rule is about an entity.
fn fits(rule: &NewStorageRule, target: &Target) -> bool {
    let same = |wanted: &Option<String>, is: Option<&str>| {
        wanted
            .as_deref()
            .filter(|wanted| !wanted.is_empty())
            .is_none_or(|wanted| is == Some(wanted))
    };
    rule.entity_id
        .as_deref()
        .filter(|pattern| !pattern.is_empty())
        .is_none_or(|pattern| matches(pattern.as_bytes(), target.entity_id.as_bytes()))
        && same(&rule.domain, Some(&target.domain))
        && same(&rule.device_class, target.device_class.as_deref())
}

/// Whether a text is of a form in which `*` stands for any characters and `?` for one. Linear but for the last `*`: no pattern is slow.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else {
                    return false;
                };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// What all rules together do to one entity.
#[derive(Debug)]
pub(crate) struct Policy {
    exclude: bool,
    /// Rows before this instant go.
    keep_from: i64,
    thin: Vec<Thin>,
    /// The newest row of the entity, which stays unless everything goes.
    newest: i64,
    /// Rows at or after this instant are not looked at.
    until: i64,
    before: Option<Row>,
    before_that_is_break: bool,
}

#[derive(Debug)]
struct Thin {
    interval: i64,
    /// Rows at or after this instant stay.
    until: i64,
}

impl Policy {
    /// The rules that fit an entity; none when none does.
    pub(crate) fn of(
        rules: &[NewStorageRule],
        target: &Target,
        now: i64,
        newest: i64,
    ) -> Option<Self> {
        let mut policy = Self {
            exclude: false,
            keep_from: i64::MIN,
            thin: Vec::new(),
            newest,
            until: i64::MIN,
            before: None,
            before_that_is_break: false,
        };
        for rule in rules.iter().filter(|rule| fits(rule, target)) {
            let days_ago = |days: u32| now.saturating_sub(i64::from(days) * DAY_US);
            if rule.exclude {
                policy.exclude = true;
                policy.until = i64::MAX;
            }
            if let Some(days) = rule.keep_days {
                policy.keep_from = policy.keep_from.max(days_ago(days));
            }
            if let Some(seconds) = rule.thin_seconds {
                policy.thin.push(Thin {
                    interval: i64::from(seconds) * 1_000_000,
                    until: days_ago(rule.older_than_days.unwrap_or(1)),
                });
            }
        }
        let thin_until = policy.thin.iter().map(|thin| thin.until).max();
        policy.until = policy
            .until
            .max(policy.keep_from)
            .max(thin_until.unwrap_or(i64::MIN));
        (policy.until > i64::MIN).then_some(policy)
    }

    /// Rows from here on all stay.
    pub(crate) fn until(&self) -> i64 {
        self.until
    }

    /// Takes rows, oldest first; adds the instants of those that go to `gone`. A row is decided when the one after it is known.
    pub(crate) fn take(&mut self, rows: Vec<Row>, gone: &mut Vec<i64>) {
        for row in rows {
            self.decide(Some(&row), gone);
            self.before_that_is_break = self.before.as_ref().is_some_and(is_break);
            self.before = Some(row);
        }
    }

    /// No more rows come.
    pub(crate) fn finish(mut self, gone: &mut Vec<i64>) {
        self.decide(None, gone);
    }

    fn decide(&mut self, next: Option<&Row>, gone: &mut Vec<i64>) {
        let Some(row) = &self.before else {
            return;
        };
        let is_old = row.at < self.keep_from && row.at != self.newest;
        let is_thinned = !is_break(row)
            && !self.before_that_is_break
            && next.is_some_and(|next| {
                !is_break(next)
                    && self.thin.iter().any(|thin| {
                        next.at < thin.until
                            && row.at.div_euclid(thin.interval) == next.at.div_euclid(thin.interval)
                    })
            });
        if self.exclude || is_old || is_thinned {
            gone.push(row.at);
        }
    }
}

/// Whether nothing is known from this row on.
fn is_break(row: &Row) -> bool {
    matches!(row.held, Held::Broken(_) | Held::Removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(entity_id: &str) -> Target {
        Target {
            id: 1,
            entity_id: entity_id.to_owned(),
            domain: common::entity::domain_of(entity_id).to_owned(),
            device_class: Some("power".to_owned()),
        }
    }

    fn rule(entity_id: &str) -> NewStorageRule {
        NewStorageRule {
            entity_id: Some(entity_id.to_owned()),
            ..NewStorageRule::default()
        }
    }

    fn row(seconds: i64, state: &str) -> Row {
        Row {
            at: seconds * 1_000_000,
            held: if state == "gone" {
                Held::Removed
            } else {
                Held::of(state.into())
            },
        }
    }

    fn gone(rules: &[NewStorageRule], rows: &[Row], now_days: i64) -> Vec<i64> {
        let newest = rows.last().map_or(0, |row| row.at);
        let Some(mut policy) =
            Policy::of(rules, &target("sensor.power_1"), now_days * DAY_US, newest)
        else {
            return Vec::new();
        };
        let until = policy.until();
        let mut gone = Vec::new();
        policy.take(
            rows.iter().filter(|row| row.at < until).cloned().collect(),
            &mut gone,
        );
        policy.finish(&mut gone);
        gone.into_iter().map(|at| at / 1_000_000).collect()
    }

    #[test]
    fn a_pattern_means_what_it_says() {
        for (pattern, text, fits) in [
            ("sensor.*", "sensor.a", true),
            ("sensor.*", "light.a", false),
            ("*_power", "sensor.a_power", true),
            ("*_power", "sensor.a_powers", false),
            ("s?nsor.a", "sensor.a", true),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("sensor.a", "sensor.a", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                fits,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_rule_needs_a_target_and_exactly_one_deed() {
        let keep = NewStorageRule {
            keep_days: Some(3),
            ..rule("a.*")
        };
        assert_eq!(mistake(&keep), None);
        for wrong in [
            NewStorageRule {
                keep_days: Some(3),
                ..NewStorageRule::default()
            },
            rule("a.*"),
            NewStorageRule {
                exclude: true,
                ..keep.clone()
            },
            NewStorageRule {
                keep_days: Some(0),
                ..keep.clone()
            },
            NewStorageRule {
                older_than_days: Some(2),
                ..keep
            },
            NewStorageRule {
                thin_seconds: Some(0),
                ..rule("a.*")
            },
        ] {
            assert!(mistake(&wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn thinning_keeps_the_newest_value_of_an_interval_and_every_break() {
        let thin = NewStorageRule {
            thin_seconds: Some(60),
            ..rule("sensor.power*")
        };
        let rows = [
            row(0, "1"),
            row(10, "2"),
            row(59, "3"),
            row(60, "4"),
            row(61, "unavailable"),
            row(70, "5"),
            row(80, "6"),
            row(90, "7"),
            row(125, "8"),
            row(130, "gone"),
        ];
        // 4 is before a break, 5 comes back from it; 80 has a newer one; the day is over.
        assert_eq!(gone(std::slice::from_ref(&thin), &rows, 3), [0, 10, 80]);
        assert_eq!(
            gone(&[thin], &rows, 1),
            Vec::<i64>::new(),
            "not older than a day"
        );
    }

    #[test]
    fn keeping_days_never_deletes_the_newest_and_excluding_does() {
        let rows = [row(0, "1"), row(86_400, "2"), row(3 * 86_400, "3")];
        let keep = NewStorageRule {
            keep_days: Some(2),
            ..rule("*")
        };
        assert_eq!(gone(std::slice::from_ref(&keep), &rows, 4), [0, 86_400]);
        assert_eq!(gone(&[keep], &rows, 400), [0, 86_400]);
        let exclude = NewStorageRule {
            exclude: true,
            device_class: Some("power".to_owned()),
            ..NewStorageRule::default()
        };
        assert_eq!(gone(&[exclude], &rows, 4), [0, 86_400, 3 * 86_400]);
        let other = NewStorageRule {
            exclude: true,
            device_class: Some("energy".to_owned()),
            ..NewStorageRule::default()
        };
        assert_eq!(gone(&[other], &rows, 4), Vec::<i64>::new());
    }

    proptest! {
        #[test]
        fn thinning_leaves_a_row_in_every_interval_and_no_break_goes(
            states in prop::collection::btree_map(0..3_000_i64, 0..6_u8, 1..200), seconds in 1..300_u32,
        ) {
            let rows: Vec<_> = states.iter().map(|(at, state)| row(*at, match state { 0 => "unavailable", 1 => "gone", _ => "5" })).collect();
            let gone = gone(&[NewStorageRule { thin_seconds: Some(seconds), ..rule("*") }], &rows, 9);
            let bucket = |at: i64| at / i64::from(seconds);
            for row in &rows {
                let at = row.at / 1_000_000;
                if is_break(row) {
                    prop_assert!(!gone.contains(&at));
                }
                let has_one = rows.iter().map(|other| other.at / 1_000_000).any(|other| {
                    bucket(other) == bucket(at) && !gone.contains(&other)
                });
                prop_assert!(has_one);
            }
            // Run again it finds nothing more.
            let left: Vec<_> = rows.iter().filter(|row| !gone.contains(&(row.at / 1_000_000))).cloned().collect();
            let again = super::tests::gone(&[NewStorageRule { thin_seconds: Some(seconds), ..rule("*") }], &left, 9);
            prop_assert_eq!(again, Vec::<i64>::new());
        }
    }
}
