//! Power and energy from stored sensors. The replaced service read measurements that other services were to write.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

fn row(entity_id: &str, state: &str, minutes_ago: i64, unit: &str, device: Option<&str>) -> Value {
    let attributes = if unit.is_empty() {
        json!({})
    } else {
        json!({"unit_of_measurement": unit, "friendly_name": entity_id})
    };
    json!({"entity_id": entity_id, "state": state, "last_updated": now().plus_seconds(-60 * minutes_ago), "attributes": attributes, "device_id": device})
}

/// A heater with a meter of its own ran from 5 to 3 hours ago; a lamp without one came on an hour ago.
async fn a_home(settings: &[(&str, &str)]) -> Home {
    let home = Home::with(settings).await;
    let heater = Some("heater");
    let rows = [
        row("sensor.heater_power", "0", 1_000, "W", heater),
        row("switch.heater", "off", 999, "", heater),
        row("switch.heater", "on", 300, "", heater),
        row("sensor.heater_power", "2000", 299, "W", heater),
        row("switch.heater", "off", 180, "", heater),
        row("sensor.heater_power", "0", 179, "W", heater),
        row("sensor.heater_energy", "100", 400, "kWh", heater),
        row("sensor.heater_energy", "104", 170, "kWh", heater),
        row("sensor.circuit_1_power", "200", 1_000, "W", None),
        row("light.lamp", "off", 900, "", None),
        row("light.lamp", "on", 60, "", None),
        row("sensor.circuit_1_power", "260", 59, "W", None),
        row("sensor.temperature", "21", 5, "°C", None),
    ];
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(13)), "{reply}");
    home
}

#[tokio::test]
async fn without_sensors_lists_are_empty_and_say_why() {
    let home = Home::new().await;
    for path in ["correlations", "circuits", "top-consumers"] {
        let response = home
            .get(&format!("/api/v1/energy/{path}"))
            .send()
            .await
            .unwrap();
        assert!(response.headers().contains_key("x-reason"), "{path}");
        assert_eq!(response.json::<Value>().await.unwrap(), json!([]), "{path}");
    }
    for path in [
        "current",
        "statistics",
        "device-impact/light.x",
        "carbon-intensity/current",
        "carbon-intensity/trends",
    ] {
        let (status, body) = answer(home.get(&format!("/api/v1/energy/{path}"))).await;
        assert!(
            status == 404 && body["detail"].is_string(),
            "{path}: {status} {body}"
        );
    }
}

#[tokio::test]
async fn power_now_and_over_a_day_comes_from_the_sensors_of_the_home() {
    let home = a_home(&[]).await;
    let current = home.json("/api/v1/energy/current").await;
    assert_eq!(
        (
            &current["total_power_w"],
            &current["sensors"],
            &current["method"]
        ),
        (&json!(260.0), &json!(2), &json!("sum"))
    );
    // 2 kW for two hours, and 200 W for 941 minutes and 260 W for 59.
    let want = 4.0 + (200.0 * 941.0 + 260.0 * 59.0) / 60e3;
    assert!(
        (current["daily_kwh"].as_f64().unwrap() - want).abs() < 1e-6,
        "{current} {want}"
    );
    let statistics = home.json("/api/v1/energy/statistics").await;
    assert_eq!(statistics["current_power_w"], 260.0);
    assert_eq!(statistics["total_correlations"], 3, "{statistics}");
    assert_eq!(
        (&statistics["peak_power_w"], &statistics["peak_time"]),
        (&json!(2_200.0), &json!(now().plus_seconds(-60 * 299)))
    );
    let named = a_home(&[("ENERGY_POWER_ENTITY", "sensor.circuit_1_power")]).await;
    let current = named.json("/api/v1/energy/current").await;
    assert_eq!(
        (&current["sensors"], &current["method"]),
        (&json!(1), &json!("entity"))
    );
}

#[tokio::test]
async fn a_change_of_power_belongs_to_what_changed_before_it() {
    let home = a_home(&[]).await;
    let rows = home.json("/api/v1/energy/correlations").await;
    let told: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let delta = row["power_delta_w"].as_f64().unwrap();
            (
                row["entity_id"].as_str().unwrap(),
                row["state"].as_str().unwrap(),
                delta,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("light.lamp", "on", 60.0),
            ("switch.heater", "off", -2_000.0),
            ("switch.heater", "on", 2_000.0)
        ]
    );
    assert_eq!(
        (&rows[0]["power_before_w"], &rows[0]["power_delta_pct"]),
        (&json!(200.0), &json!(30.0))
    );
    assert_eq!(
        (&rows[0]["power_entity_id"], &rows[1]["power_entity_id"]),
        (&Value::Null, &json!("sensor.heater_power"))
    );
    for (query, count) in [
        ("domain=switch", 2),
        ("entity_id=light.lamp", 1),
        ("min_delta=100", 2),
        ("hours=2", 0),
        ("limit=1", 1),
    ] {
        let rows = home
            .json(&format!("/api/v1/energy/correlations?{query}"))
            .await;
        assert_eq!(rows.as_array().unwrap().len(), count, "{query}");
    }
    for query in [
        "hours=0",
        "hours=169",
        "min_delta=-1",
        "min_delta=NaN",
        "limit=1001",
    ] {
        let path = format!("/api/v1/energy/correlations?{query}");
        assert_eq!(answer(home.get(&path)).await.0, 422, "{query}");
    }
}

#[tokio::test]
async fn what_a_thing_uses_is_measured_and_costs_only_with_a_price() {
    let home = a_home(&[]).await;
    let heater = home
        .json("/api/v1/energy/device-impact/switch.heater")
        .await;
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(
        (number(&heater["average_power_on_w"]) - 2_000.0 * 119.0 / 120.0).abs() < 1e-6,
        "{heater}"
    );
    assert!(
        (number(&heater["estimated_daily_kwh"]) - 4.0 / 7.0).abs() < 1e-6,
        "no 8 hours a day: {heater}"
    );
    assert_eq!(
        (
            &heater["total_state_changes"],
            &heater["estimated_monthly_cost"]
        ),
        (&json!(2), &Value::Null)
    );
    let (status, body) = answer(home.get("/api/v1/energy/device-impact/light.lamp")).await;
    assert!(
        status == 404 && body["detail"].as_str().unwrap().contains("no sensor"),
        "{body}"
    );
    let top = home.json("/api/v1/energy/top-consumers?days=1").await;
    let ids: Vec<_> = top
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["entity_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["sensor.heater_energy", "sensor.circuit_1_power"],
        "a device is not counted twice"
    );
    assert!((number(&top[0]["estimated_daily_kwh"]) - 4.0).abs() < 1e-6);
    let circuits = home.json("/api/v1/energy/circuits").await;
    assert_eq!(
        (&circuits[0]["power_w"], &circuits[0]["percentage"]),
        (&json!(260.0), &json!(100.0))
    );
    let dear = a_home(&[("ENERGY_PRICE_PER_KWH", "0.5")]).await;
    let top = dear
        .json("/api/v1/energy/top-consumers?days=1&limit=1")
        .await;
    assert!(
        (number(&top[0]["estimated_monthly_cost"]) - 60.0).abs() < 1e-6,
        "{top}"
    );
}
