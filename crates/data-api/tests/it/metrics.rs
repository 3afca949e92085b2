//! `/metrics`.

use crate::home::Home;

#[tokio::test]
async fn every_name_of_the_minimum_is_there_in_the_first_scrape() {
    let home = Home::new().await;
    let answer = home.http.get(home.url.join("/metrics").unwrap());
    let text = answer.send().await.unwrap().text().await.unwrap();
    for name in [
        "homeiq_events_stored_total 0",
        "homeiq_events_duplicate_total 0",
        "homeiq_events_dropped_total{reason=\"rejected\"} 0",
        "homeiq_db_size_bytes ",
        "homeiq_http_request_duration_seconds_count{service=\"data-api\"",
        "homeiq_build_info{service=\"data-api\"",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
    ] {
        let is_there = text.lines().any(|line| line.starts_with(name));
        assert!(is_there, "{name} is not in\n{text}");
    }
}
