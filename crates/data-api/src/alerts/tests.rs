use super::*;
use common::api::gaps::GapReason;

fn now() -> UtcMicros {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

const BOUNDS: Bounds = Bounds {
    stalled_minutes: 15,
    free_percent: 10.0,
    full_in_days: 14.0,
};

fn well() -> Facts {
    Facts {
        now: now(),
        newest: Some(now().plus_seconds(-60)),
        open_gaps: Vec::new(),
        disk: Some(Disk {
            free_bytes: 50 << 30,
            total_bytes: 100 << 30,
        }),
        growth_bytes_per_day: Some(1e6),
        requests: Measurement {
            requests: 100,
            failed: 10,
            ..Measurement::default()
        },
        ingestion: None,
    }
}

fn rules(facts: &Facts) -> Vec<(&'static str, AlertSeverity)> {
    conditions(facts, BOUNDS)
        .iter()
        .map(|condition| (condition.rule.name(), condition.severity))
        .collect()
}

#[test]
fn a_home_that_is_well_has_nothing_to_say_and_neither_has_an_empty_one() {
    assert_eq!(rules(&well()), []);
    let empty = Facts {
        newest: None,
        disk: None,
        growth_bytes_per_day: None,
        requests: Measurement::default(),
        ..well()
    };
    assert_eq!(rules(&empty), []);
}

#[test]
fn each_rule_has_its_bound() {
    use AlertSeverity::{Critical, Warning};
    let silent = |minutes: i64| Facts {
        newest: Some(now().plus_seconds(-60 * minutes)),
        ..well()
    };
    assert_eq!(rules(&silent(15)), []);
    assert_eq!(rules(&silent(16)), [("ingest_stalled", Warning)]);
    assert_eq!(rules(&silent(61)), [("ingest_stalled", Critical)]);
    let free = |free_bytes: u64, growth: f64| Facts {
        disk: Some(Disk {
            free_bytes,
            total_bytes: 100 << 30,
        }),
        growth_bytes_per_day: Some(growth),
        ..well()
    };
    assert_eq!(rules(&free(9 << 30, 0.0)), [("disk_filling", Warning)]);
    assert_eq!(rules(&free(1 << 30, 0.0)), [("disk_filling", Critical)]);
    assert_eq!(
        rules(&free(20 << 30, 2e9)),
        [("disk_filling", Warning)],
        "full in 10 days"
    );
    assert_eq!(rules(&free(20 << 30, 1e9)), [], "full in 21 days");
    let failed = |requests: u64, failed: u64| Facts {
        requests: Measurement {
            requests,
            failed,
            ..Measurement::default()
        },
        ..well()
    };
    assert_eq!(rules(&failed(100, 11)), [("error_rate", Warning)]);
    assert_eq!(rules(&failed(100, 51)), [("error_rate", Critical)]);
    assert_eq!(rules(&failed(19, 19)), [], "too few to say");
    let gap = Gap {
        start: now().plus_seconds(-900),
        end: now(),
        reason: GapReason::Disconnected,
        closed_by: None,
        rows: None,
    };
    let open = Facts {
        open_gaps: vec![gap],
        ingestion: Some("no answer".to_owned()),
        ..well()
    };
    assert_eq!(
        rules(&open),
        [("gap_open", Warning), ("service_unhealthy", Critical)]
    );
}

fn condition(rule: Rule, value: f64) -> Condition {
    Condition {
        rule,
        severity: AlertSeverity::Warning,
        service: "data-api",
        message: format!("value {value}"),
        metric: "m",
        value,
        threshold: 1.0,
        metadata: BTreeMap::new(),
    }
}

#[test]
fn an_alert_is_raised_once_updated_and_resolved_when_its_condition_ends() {
    let mut holding = Holding::default();
    let first = condition(Rule::ErrorRate, 20.0);
    let decisions = holding.decide(now(), vec![first.clone()], &[]);
    assert_eq!(decisions, [Decision::Raise(first.clone())]);
    let alert = raised(first.clone(), now());
    assert_eq!(alert.id, "data-api_error_rate_1795435200");
    let kept = [alert.clone()];
    assert_eq!(holding.decide(now(), vec![first], &kept), []);
    let more = condition(Rule::ErrorRate, 30.0);
    assert_eq!(
        holding.decide(now(), vec![more.clone()], &kept),
        [Decision::Update(alert.id.clone(), more)]
    );
    assert_eq!(
        holding.decide(now(), vec![], &kept),
        [Decision::Resolve(alert.id.clone())]
    );
    let over = Alert {
        status: AlertStatus::Resolved,
        resolved_at: Some(now()),
        ..alert
    };
    assert_eq!(holding.decide(now(), vec![], &[over]), []);
}

#[test]
fn what_holds_too_short_is_not_said_and_what_just_ended_cools_down() {
    let mut holding = Holding::default();
    let gap = || vec![condition(Rule::GapOpen, 1.0)];
    assert_eq!(holding.decide(now(), gap(), &[]), []);
    assert_eq!(holding.decide(now().plus_seconds(300), vec![], &[]), []);
    assert_eq!(
        holding.decide(now().plus_seconds(400), gap(), &[]),
        [],
        "begins anew"
    );
    assert_eq!(holding.decide(now().plus_seconds(999), gap(), &[]), []);
    let decisions = holding.decide(now().plus_seconds(1_000), gap(), &[]);
    assert!(matches!(decisions[..], [Decision::Raise(_)]));
    let ended = Alert {
        status: AlertStatus::Resolved,
        resolved_at: Some(now().plus_seconds(1_100)),
        ..raised(condition(Rule::GapOpen, 1.0), now())
    };
    let kept = [ended];
    assert_eq!(holding.decide(now().plus_seconds(1_399), gap(), &kept), []);
    let decisions = holding.decide(now().plus_seconds(1_400), gap(), &kept);
    assert!(matches!(decisions[..], [Decision::Raise(_)]));
}
