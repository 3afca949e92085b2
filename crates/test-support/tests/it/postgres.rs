use std::process::Command;

use anyhow::ensure;
use test_support::Postgres;

fn ask(url: &str, sql: &str) -> anyhow::Result<String> {
    let answer = Command::new("psql")
        .args(["-qtAX", "-c", sql, url])
        .output()?;
    ensure!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn what_was_committed_is_there_after_the_server_was_killed() -> anyhow::Result<()> {
    let mut postgres = Postgres::start().await?;
    let url = postgres.create_database("home").await?;
    ask(&url, "CREATE TABLE t (x int); INSERT INTO t VALUES (42)")?;
    postgres.stop().await?;
    assert!(ask(&url, "SELECT 1").is_err());
    postgres.start_again().await?;
    assert_eq!(ask(&url, "SELECT x FROM t")?, "42");
    assert!(
        ask(&postgres.url(), "SELECT x FROM t").is_err(),
        "databases are apart"
    );
    Ok(())
}

#[tokio::test]
async fn an_owned_database_is_of_a_role_without_other_rights() -> anyhow::Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.create_owned_database("home").await?;
    ask(
        &url,
        "CREATE TABLE t (x text); INSERT INTO t VALUES ('b'), ('B'), ('a')",
    )?;
    assert_eq!(
        ask(&url, "SELECT string_agg(x, '' ORDER BY x) FROM t")?,
        "abB"
    );
    assert_eq!(
        ask(
            &url,
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )?,
        "f"
    );
    assert!(ask(&url, "CREATE ROLE another").is_err());
    Ok(())
}
