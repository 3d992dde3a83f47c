use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::Kind;

fn volumes() -> (tempfile::TempDir, Volumes) {
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path()).unwrap();
    (dir, volumes)
}

fn named(name: &str) -> NewVolume {
    NewVolume::named(VolumeName::new(name).unwrap())
}

fn make(volumes: &Volumes, name: &str) -> Volume {
    volumes.ensure(named(name), None).unwrap().volume
}

fn names(volumes: &Volumes) -> Vec<String> {
    let list = volumes.list().unwrap();
    list.iter().map(|v| v.name.to_string()).collect()
}

#[test]
fn a_volume_is_made_once_and_found_again() {
    let (_dir, volumes) = volumes();
    let made = volumes.ensure(named("data"), None).unwrap();
    assert!(made.new);
    let again = volumes.ensure(named("data"), None).unwrap();
    assert!(!again.new);
    assert_eq!(again.volume, made.volume);
    assert_eq!(volumes.list().unwrap(), vec![made.volume]);
}

#[test]
fn many_at_once_make_one() {
    let (_dir, volumes) = volumes();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| volumes.ensure(named("data"), None).unwrap().new))
            .collect();
        threads
            .into_iter()
            .map(|t| u32::from(t.join().unwrap()))
            .sum::<u32>()
    });
    assert_eq!(made, 1);
    assert_eq!(names(&volumes), ["data"]);
}

#[test]
fn a_volume_in_use_stays_and_says_who_uses_it() {
    let (_dir, volumes) = volumes();
    make(&volumes, "data");
    let refused = volumes.remove("data", || vec!["abc".to_owned()]);
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), "remove data: volume is in use - [abc]");
    assert_eq!(refused.kind(), Kind::Conflict);
    // A container that is being made counts too.
    volumes.ensure(named("data"), Some("def")).unwrap();
    let refused = volumes.remove("data", Vec::new).unwrap_err();
    assert_eq!(refused.to_string(), "remove data: volume is in use - [def]");
    volumes.let_go("def");
    volumes.remove("data", Vec::new).unwrap();
    assert_eq!(volumes.get("data").unwrap_err().kind(), Kind::NotFound);
}

fn image(dir: &Path) -> PathBuf {
    let image = dir.join("image");
    fs::create_dir_all(image.join("sub")).unwrap();
    fs::set_permissions(&image, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(image.join("sub/file"), "content").unwrap();
    fs::set_permissions(image.join("sub/file"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/etc/passwd", image.join("link")).unwrap();
    image
}

#[test]
fn an_empty_volume_takes_the_images_files_once() {
    let (dir, volumes) = volumes();
    let from = fs::File::open(image(dir.path())).unwrap();
    let volume = make(&volumes, "data");

    volumes.fill(&volume, from.as_fd()).unwrap();

    let to = volumes.path(&volume.name);
    assert_eq!(fs::read_to_string(to.join("sub/file")).unwrap(), "content");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&to.join("sub/file")), 0o640);
    assert_eq!(mode(&to), 0o700);
    assert_eq!(
        fs::read_link(to.join("link")).unwrap(),
        Path::new("/etc/passwd")
    );

    fs::remove_file(to.join("link")).unwrap();
    volumes.fill(&volume, from.as_fd()).unwrap();
    assert!(
        !to.join("link").exists(),
        "a volume with content is left alone"
    );
}

/// What a daemon finds that was killed at some point.
#[test]
fn what_was_cut_short_is_finished_or_gone() {
    let (dir, volumes) = volumes();
    make(&volumes, "half");
    make(&volumes, "whole");
    drop(volumes);
    let root = dir.path().join("volumes");
    // In the middle of a copy-up.
    fs::create_dir(root.join("half/.filling")).unwrap();
    fs::write(root.join("half/.filling/piece"), "x").unwrap();
    // Between the copy and the last of the moves, one of them done and changed since.
    fs::create_dir(root.join("whole/.filled")).unwrap();
    fs::write(root.join("whole/.filled/first"), "image").unwrap();
    fs::write(root.join("whole/.filled/second"), "image").unwrap();
    fs::write(root.join("whole/_data/first"), "container").unwrap();
    // In the middle of a creation and of a removal.
    fs::create_dir_all(root.join(".new-1/_data")).unwrap();
    fs::create_dir_all(root.join(".gone-1/_data/deep")).unwrap();

    let volumes = Volumes::open(dir.path()).unwrap();

    assert_eq!(names(&volumes), ["half", "whole"]);
    assert_eq!(fs::read_dir(root.join("half/_data")).unwrap().count(), 0);
    let read = |name: &str| fs::read_to_string(root.join("whole/_data").join(name)).unwrap();
    assert_eq!(
        (read("first"), read("second")),
        ("container".into(), "image".into())
    );
    for _ in 0..500 {
        if !root.join(".gone-1").exists() && !root.join(".new-1").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut left: Vec<_> = fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["half", "whole"]);
}

#[test]
fn renamed_cloned_and_restored() {
    let (_dir, volumes) = volumes();
    let volume = make(&volumes, "data");
    let file = |name: &str| volumes.path(&VolumeName::new(name).unwrap()).join("file");
    fs::write(file("data"), "first").unwrap();

    volumes.duplicate("data", named("copy"), false).unwrap();
    let snapshot = volumes.duplicate("data", named("snap"), true).unwrap();
    assert_eq!(snapshot.snapshot_of.as_deref(), Some("data"));
    let taken = volumes.duplicate("data", named("copy"), false).unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict);

    fs::write(file("data"), "second").unwrap();
    assert_eq!(fs::read_to_string(file("copy")).unwrap(), "first");
    let refused = volumes.restore("data", "snap", || vec!["abc".into()]);
    assert_eq!(refused.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(
        volumes
            .restore("data", "copy", Vec::new)
            .unwrap_err()
            .kind(),
        Kind::Invalid
    );
    assert_eq!(
        volumes
            .restore("snap", "snap", Vec::new)
            .unwrap_err()
            .kind(),
        Kind::Conflict
    );
    volumes.restore("data", "snap", Vec::new).unwrap();
    assert_eq!(fs::read_to_string(file("data")).unwrap(), "first");

    let other = VolumeName::new("other").unwrap();
    volumes.rename("data", &other, Vec::new).unwrap();
    assert_eq!(fs::read_to_string(file("other")).unwrap(), "first");
    let found = volumes.get("other").unwrap();
    assert_eq!((found.name, found.created), (other, volume.created));
    assert_eq!(names(&volumes), ["copy", "other", "snap"]);
    let copy = VolumeName::new("copy").unwrap();
    let taken = volumes.rename("other", &copy, Vec::new).unwrap_err();
    assert_eq!(taken.kind(), Kind::Conflict);
}

#[test]
fn options_and_drivers_that_cannot_be_are_refused() {
    let (_dir, volumes) = volumes();
    let mut wrong = named("data");
    wrong.options = BTreeMap::from([("colour".to_owned(), "red".to_owned())]);
    let error = volumes.ensure(wrong, None).unwrap_err();
    assert_eq!(error.to_string(), "create data: invalid option: \"colour\"");
    let mut wrong = named("data");
    wrong.driver = "rexray".to_owned();
    let error = volumes.ensure(wrong, None).unwrap_err();
    assert!(error.to_string().contains("plugin \"rexray\" not found"));
    assert!(names(&volumes).is_empty());
}
