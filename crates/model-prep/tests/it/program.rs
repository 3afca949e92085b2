//! The program as Compose starts it, with the real weights: exit codes, lines, two at once, killed in the middle.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use test_support::{eventually, minilm};

use crate::hub::{Deed, Hub};

/// A hub with the real model; the weights come first.
async fn hub() -> Hub {
    let folder = minilm::folder().unwrap();
    let manifest = models::Manifest::shipped();
    let model = manifest.get("all-MiniLM-L6-v2").unwrap();
    let mut paths: Vec<&str> = model.files.iter().map(|file| file.path.as_str()).collect();
    // Longer paths first: `1_Pooling/config.json` ends like `config.json`.
    paths.sort_by_key(|path| (*path != "model.safetensors", std::cmp::Reverse(path.len())));
    let files: Vec<(&str, Vec<u8>)> = paths
        .into_iter()
        .map(|path| (path, std::fs::read(folder.join(path)).unwrap()))
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(p, bytes)| (*p, &bytes[..])).collect();
    Hub::start(&files).await
}

/// The program, with no settings but these.
fn program(home: &Path, source: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_model-prep"));
    command
        .env_clear()
        .env("HF_HOME", home)
        .env("MODEL_SOURCE", source)
        .env("MODEL_ATTEMPTS", "2")
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Its exit code and all that it said.
async fn run(mut command: Command) -> (Option<i32>, String) {
    let ended = tokio::task::spawn_blocking(move || command.output());
    told(&ended.await.unwrap().unwrap())
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code(), text)
}

fn weights(home: &TempDir) -> PathBuf {
    let manifest = models::Manifest::shipped();
    let model = manifest.get("all-MiniLM-L6-v2").unwrap();
    let cache = models::Cache::at(home.path().join("hub"));
    cache.folder(model).join("model.safetensors")
}

fn source() -> String {
    let folder = minilm::folder().unwrap();
    format!("file://{}", folder.parent().unwrap().display())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_goes_on_from_there_at_the_next_start() {
    let (hub, home) = (hub().await, tempfile::tempdir().unwrap());
    hub.will([Deed::Stall(40_000_000)]);
    let mut first = program(home.path(), &hub.url, &[]).spawn().unwrap();
    let partial = weights(&home).ancestors().nth(3).unwrap().join("partial");
    eventually("half of the weights", Duration::from_secs(30), async || {
        let files = std::fs::read_dir(&partial).into_iter().flatten().flatten();
        let mut sizes = files.map(|file| file.metadata().map_or(0, |found| found.len()));
        sizes.any(|size| size > 30_000_000).then_some(())
    })
    .await
    .unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!weights(&home).exists(), "half a file is not in place");
    let (code, said) = run(program(home.path(), &hub.url, &[])).await;
    assert_eq!(code, Some(0), "{said}");
    let asked = hub.asked_for("model.safetensors");
    assert_eq!(asked.len(), 2);
    let range = asked[1].range.as_deref().unwrap();
    let from: u64 = range["bytes=".len()..range.len() - 1].parse().unwrap();
    assert!((30_000_001..=40_000_000).contains(&from), "{range}");
    let (code, said) = run(program(home.path(), "http://127.0.0.1:1", &["verify"])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("every digest is right"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_fetch_it_once() {
    let (hub, home) = (hub().await, tempfile::tempdir().unwrap());
    // The first is held up for long enough that the second must wait for it.
    hub.will([Deed::Status(503, Some(("retry-after", "2".to_owned())))]);
    let both = [(); 2].map(|()| run(program(home.path(), &hub.url, &[])));
    let [first, second] = both;
    let (first, second) = tokio::join!(first, second);
    let said = format!("{}\n{}", first.1, second.1);
    assert_eq!((first.0, second.0), (Some(0), Some(0)), "{said}");
    assert!(said.contains("another program prepares models"), "{said}");
    assert!(said.contains("nothing had to be fetched"), "{said}");
    assert_eq!(
        hub.asked_for("model.safetensors").len(),
        2,
        "503, and all of it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_ends_at_once_and_says_what_is_kept() {
    let (hub, home) = (hub().await, tempfile::tempdir().unwrap());
    hub.will([Deed::Stall(1_000_000)]);
    let child = program(home.path(), &hub.url, &[]).spawn().unwrap();
    eventually(
        "the request for the weights",
        Duration::from_secs(30),
        async || (!hub.asked_for("model.safetensors").is_empty()).then_some(()),
    )
    .await
    .unwrap();
    let id = child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    let (code, said) = told(&output.await.unwrap().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("what has come is kept"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_has_a_line_for_every_tenth_and_one_for_the_end() {
    let home = tempfile::tempdir().unwrap();
    let (code, said) = run(program(home.path(), &source(), &[])).await;
    assert_eq!(code, Some(0), "{said}");
    for percent in (10..=100).step_by(10) {
        assert_eq!(
            said.matches(&format!(": {percent} %, ")).count(),
            1,
            "{said}"
        );
    }
    let ready = "all-MiniLM-L6-v2: ready, 91.6 MB; 91.6 MB fetched";
    assert_eq!(said.matches(ready).count(), 1, "{said}");
    // Without a network, and without the source: all is there.
    let (code, said) = run(program(home.path(), "http://127.0.0.1:1", &[])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing had to be fetched"), "{said}");
    let (code, said) = run(program(home.path(), &source(), &["--healthcheck"])).await;
    assert_eq!(
        (code, said.trim()),
        (Some(0), "healthy: every model is here")
    );
    let (code, said) = run(program(home.path(), &source(), &["list"])).await;
    assert_eq!(code, Some(0), "{said}");
    let row = said
        .lines()
        .find(|line| line.starts_with("all-MiniLM-L6-v2"));
    assert!(
        row.unwrap().contains("prepared  91.6 MB   Apache-2.0"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_that_failed_has_its_line_and_the_others_are_prepared() {
    let home = tempfile::tempdir().unwrap();
    let mut all = program(home.path(), &source(), &[]);
    all.env("MODELS_TO_DOWNLOAD", "flan-t5-small,all-MiniLM-L6-v2");
    let (code, said) = run(all).await;
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("not ready").count(), 1, "{said}");
    assert!(said.contains("flan-t5-small: not ready: "), "{said}");
    assert!(said.contains("all-MiniLM-L6-v2: ready"), "{said}");
    let (code, said) = run(program(home.path(), &source(), &["verify", "all"])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("flan-t5-small: not whole; 7 files are not there"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows_ends_with_64_and_the_known_ones() {
    let home = tempfile::tempdir().unwrap();
    let mut by_setting = program(home.path(), &source(), &[]);
    by_setting.env("MODELS_TO_DOWNLOAD", "gpt-5");
    let by_word = program(home.path(), &source(), &["prepare", "gpt-5"]);
    for command in [by_setting, by_word] {
        let (code, said) = run(command).await;
        assert_eq!(code, Some(64), "{said}");
        assert!(
            said.contains("'gpt-5'") && said.contains("bge-reranker-base"),
            "{said}"
        );
    }
    assert!(!home.path().join("hub").exists());
    let (code, said) = run(program(home.path(), &source(), &["--healthcheck"])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("config.json is not there"), "{said}");
}

/// The token must not be seen, however much is logged.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_no_line() {
    let (hub, home) = (hub().await, tempfile::tempdir().unwrap());
    hub.will([Deed::Status(401, None)]);
    let file = home.path().join("token");
    std::fs::write(&file, "hf_hidden\n").unwrap();
    let mut command = program(home.path(), &hub.url, &[]);
    command
        .env("LOG_LEVEL", "trace")
        .env("HF_TOKEN_FILE", &file);
    let (code, said) = run(command).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("HF_TOKEN is not accepted"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
    let first = &hub.asked()[0].authorization;
    assert_eq!(first.as_deref(), Some("Bearer hf_hidden"));
}

/// A disk that is too small, and one that becomes full while the model comes.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_told_before_and_while_it_comes() {
    let disk = SmallDisk::of_mib(60);
    let (code, said) = run(program(disk.path(), &source(), &[])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("needs 107.6 MB more on"), "{said}");
    drop(disk);

    let (hub, disk) = (hub().await, SmallDisk::of_mib(120));
    hub.will([Deed::Stall(20_000_000)]);
    let mut command = program(disk.path(), &hub.url, &[]);
    let child = command.env("MODEL_STALL_TIMEOUT", "2").spawn().unwrap();
    eventually(
        "the request for the weights",
        Duration::from_secs(30),
        async || (!hub.asked_for("model.safetensors").is_empty()).then_some(()),
    )
    .await
    .unwrap();
    // Somebody else takes the room that was there.
    std::fs::write(disk.path().join("other"), vec![1; 60 << 20]).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    let (code, said) = told(&output.await.unwrap().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is full; what has come is kept"), "{said}");
    std::fs::remove_file(disk.path().join("other")).unwrap();
    let (code, said) = run(program(disk.path(), &hub.url, &[])).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        hub.asked_for("model.safetensors")
            .last()
            .unwrap()
            .range
            .is_some()
    );
}

/// As Compose mounts it for those who only read.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_read_only_is_told_and_is_enough_when_all_is_there() {
    let disk = SmallDisk::of_mib(120);
    disk.again("ro");
    let (code, said) = run(program(disk.path(), &source(), &[])).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("Read-only file system") && said.contains("HF_HOME"),
        "{said}"
    );
    disk.again("rw");
    let (code, said) = run(program(disk.path(), &source(), &[])).await;
    assert_eq!(code, Some(0), "{said}");
    disk.again("ro");
    let (code, said) = run(program(disk.path(), "http://127.0.0.1:1", &[])).await;
    assert_eq!(code, Some(0), "{said}");
}

/// A file system in memory, which only root may mount. Where that is not allowed, a test fails and says so.
#[cfg(target_os = "linux")]
struct SmallDisk(TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn of_mib(mib: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        Self::mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], folder.path());
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Mounts it anew: `ro` or `rw`.
    fn again(&self, how: &str) {
        Self::mount(&["-o", &format!("remount,{how}")], self.path());
    }

    fn mount(words: &[&str], folder: &Path) {
        let mounted = Command::new("mount").args(words).arg(folder).output();
        let mounted = mounted.unwrap();
        assert!(
            mounted.status.success(),
            "this test must be root, to mount a small disk: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        unmount.arg("-l").arg(self.path()).status().ok();
    }
}
