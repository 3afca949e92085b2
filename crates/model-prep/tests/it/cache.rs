//! What lies on disk: damaged, read only, full, shared with Python.

use model_prep::{Settings, verify};
use models::{Cache, Lock};

use crate::hub::Hub;
use crate::place::{CONFIG, Place, WEIGHTS, digest, hub, weights};

async fn is_fine(settings: &Settings) -> bool {
    let verdicts = verify(settings).await.unwrap();
    verdicts.iter().all(model_prep::Verdict::is_fine)
}

#[tokio::test]
async fn a_damaged_file_is_found_by_verify_and_fetched_again() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    place.prepare().await.unwrap();
    assert!(is_fine(&place.settings).await);
    let mut bytes = weights();
    bytes[1_000] ^= 1;
    std::fs::write(place.file(WEIGHTS), &bytes).unwrap();
    assert!(
        place.settings.cache.is_complete(place.model()),
        "by its size"
    );
    let verdicts = verify(&place.settings).await.unwrap();
    let told = verdicts[0].to_string();
    assert!(
        told.contains("model.safetensors is damaged") && told.contains("prepare"),
        "{told}"
    );
    assert_eq!(place.prepare().await.unwrap(), 300_000, "and nothing else");
    assert_eq!(place.read(), Some(weights()));
    assert!(is_fine(&place.settings).await);
}

/// Trust on first use: what no list and no hub vouches for must at least stay the same.
#[tokio::test]
async fn a_file_without_a_known_digest_must_come_again_as_it_came_first() {
    let hub = hub().await;
    let place = Place::unpinned(&hub);
    place.prepare().await.unwrap();
    let lock = Lock::read(&place.settings.cache).unwrap();
    let file = &place.model().files[1];
    let kept = lock.digest(place.model(), file).unwrap().to_string();
    assert_eq!(kept, digest(&weights()));
    drop(hub);

    let other: Vec<u8> = weights().iter().map(|byte| !byte).collect();
    let changed = Hub::start(&[(WEIGHTS, &other)]).await;
    let mut settings = place.settings.clone();
    settings.source = changed.url.parse().unwrap();
    std::fs::write(place.file(WEIGHTS), &other).unwrap();
    assert!(!is_fine(&settings).await);
    let outcomes = model_prep::prepare(&settings, model_prep::Teller::Nobody).await;
    let told = outcomes.unwrap().remove(0).to_string();
    assert!(told.contains(&kept) && told.contains("not ready"), "{told}");
    assert_eq!(place.read(), None, "what is damaged is used by nobody");
}

#[tokio::test]
async fn a_lock_file_that_is_torn_is_told_and_nothing_is_trusted() {
    let hub = hub().await;
    let place = Place::unpinned(&hub);
    place.prepare().await.unwrap();
    std::fs::write(place.settings.cache.lock_file(), "torn").unwrap();
    let told = place.fail().await;
    assert!(
        told.contains("models.lock") && told.contains("Delete it"),
        "{told}"
    );
}

#[tokio::test]
async fn a_model_that_the_disk_cannot_hold_is_not_begun() {
    let hub = hub().await;
    let mut place = Place::unpinned(&hub);
    let size = format!("size = {}", weights().len());
    let manifest = format!(
        "[[model]]\nname = 'small'\npurpose = ''\nrepository = 'home/small'\nrevision = '{}'\nlicence = 'MIT'\n\
         used_by = ['x']\nfiles = [{{ path = 'model.safetensors', {size} }}]",
        "0".repeat(40)
    );
    let huge = manifest.replace(&size, "size = 9000000000000000");
    place.settings.manifest = models::Manifest::parse(&huge).unwrap();
    let told = place.fail().await;
    assert!(
        told.contains("9000000.02 GB more") && told.contains("nothing of it was fetched"),
        "{told}"
    );
    assert_eq!(hub.asked().len(), 0);
}

/// Python may have filled the cache before us, and may know a newer commit.
#[tokio::test]
async fn the_commit_that_another_program_calls_main_stays_if_it_is_there() {
    let hub = hub().await;
    let place = Place::pinned(&hub);
    let (cache, model) = (&place.settings.cache, place.model());
    let main = cache.main_ref(model);
    std::fs::create_dir_all(main.parent().unwrap()).unwrap();
    std::fs::write(&main, "newer").unwrap();
    place.prepare().await.unwrap();
    assert_eq!(std::fs::read_to_string(&main).unwrap(), model.revision);
    std::fs::create_dir_all(cache.repository(model).join("snapshots/newer")).unwrap();
    std::fs::write(&main, "newer").unwrap();
    place.prepare().await.unwrap();
    assert_eq!(std::fs::read_to_string(&main).unwrap(), "newer");
}

#[tokio::test]
async fn a_folder_is_a_source_in_each_of_its_three_forms() {
    let hub = hub().await;
    let first = Place::pinned(&hub);
    first.prepare().await.unwrap();
    drop(hub);
    let model = first.model();
    let as_cache = first.settings.cache.path().to_owned();
    let named = first.folder().join("named");
    let organised = first.folder().join("organised");
    for (folder, below) in [(&named, "small"), (&organised, "home/small")] {
        std::fs::create_dir_all(folder.join(below)).unwrap();
        for file in &model.files {
            let to = folder.join(below).join(&file.path);
            std::fs::copy(first.file(&file.path), to).unwrap();
        }
    }
    for folder in [&as_cache, &named, &organised] {
        let source = format!("file://{}", folder.display());
        let place = Place::new(&source, Some(&digest(&weights())));
        place.prepare().await.unwrap();
        assert_eq!(place.read(), Some(weights()), "{}", folder.display());
    }
    std::fs::remove_file(named.join("small").join(CONFIG)).unwrap();
    let told = Place::new(&format!("file://{}", named.display()), None)
        .fail()
        .await;
    assert!(told.contains("has no config.json"), "{told}");
    std::fs::write(named.join("small").join(CONFIG), "short").unwrap();
    let told = Place::new(&format!("file://{}", named.display()), None)
        .fail()
        .await;
    assert!(told.contains("has 5 bytes"), "{told}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let hub = hub().await;
    let mut place = Place::pinned(&hub);
    let file = place.folder().join("file");
    std::fs::write(&file, "").unwrap();
    place.settings.cache = Cache::at(file.join("hub"));
    let told = place.fail().await;
    assert!(
        told.contains("cannot write to") && told.contains("HF_HOME"),
        "{told}"
    );
    assert_eq!(hub.asked().len(), 0);
}
