//! Starts that cannot succeed, and commands that only say something.

use std::net::TcpListener;
use std::process::Command;

use crate::process::{end_of, homeiq};

#[test]
fn a_port_in_use_is_one_clear_message_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = end_of(folder.path(), &[("DATA_API_PORT", &port)]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("the port is in use")
            && said.contains("DATA_API_PORT")
            && said.contains(&port),
        "{said}"
    );
    assert!(
        !folder.path().join("data").exists(),
        "nothing is written before the ports are there"
    );
}

#[test]
fn bad_settings_are_told_all_at_once_with_exit_code_64() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATA_API_PORT", "eighty"),
        ("MQTT_BROKER", "mqtt://"),
        ("ANALYSIS_SCHEDULE", "sometimes"),
        ("TZ", "Mars/Base"),
    ];
    let (code, said) = end_of(folder.path(), &settings);
    assert_eq!(code, Some(64), "{said}");
    for (name, _) in settings {
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told_with_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("data"),
        "a file where a folder should be",
    )
    .unwrap();
    let (code, said) = end_of(folder.path(), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("cannot start") && said.contains("data"),
        "{said}"
    );
}

#[test]
fn version_help_and_settings_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let says = |args: &[&str]| {
        let output = homeiq(folder.path(), &[]).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        says(&["--version"]).trim(),
        concat!("homeiq ", env!("CARGO_PKG_VERSION"))
    );
    assert!(says(&["--help"]).contains("--healthcheck"));
    let table = says(&["config"]);
    for name in [
        "HA_TOKEN_FILE",
        "DATABASE_URL",
        "MQTT_BROKER",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "HOMEIQ_DATA_DIR",
    ] {
        assert!(table.contains(&format!("`{name}`")), "{name}: {table}");
    }
    let wrong = homeiq(folder.path(), &[])
        .arg("--nonsense")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn the_healthcheck_of_nothing_is_negative() {
    let folder = tempfile::tempdir().unwrap();
    let mut command: Command = homeiq(folder.path(), &[("DATA_API_PORT", "1")]);
    let output = command.arg("--healthcheck").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}
