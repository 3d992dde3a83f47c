//! tmpfs mounts: `--tmpfs` and `--mount type=tmpfs`.

use gantry_api_types::{HostConfig, TmpfsOptions};
use gantry_oci::Mount;

use super::SpecError;

/// Pairs of words that undo one another.
const SWITCHES: [[&str; 2]; 8] = [
    ["exec", "noexec"],
    ["suid", "nosuid"],
    ["dev", "nodev"],
    ["rw", "ro"],
    ["atime", "noatime"],
    ["diratime", "nodiratime"],
    ["relatime", "norelatime"],
    ["strictatime", "nostrictatime"],
];

/// Words with a value, of tmpfs(5).
const KEYS: [&str; 8] = [
    "size",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "mpol",
    "huge",
];

/// All tmpfs mounts that a request asks for.
pub(super) fn list(host: &HostConfig) -> Result<Vec<Mount>, SpecError> {
    let mut mounts = Vec::new();
    for (destination, options) in &host.tmpfs {
        let words = options.split(',').map(str::to_owned).collect::<Vec<_>>();
        mounts.push(mount(destination, &words)?);
    }
    for asked in host.mounts.iter().filter(|m| m.kind == "tmpfs") {
        let options = asked.tmpfs_options.clone().unwrap_or_default();
        mounts.push(mount(
            &asked.target,
            &words(&options, asked.read_only, (asked.uid, asked.gid)),
        )?);
    }
    Ok(mounts)
}

fn words(
    options: &TmpfsOptions,
    read_only: bool,
    (uid, gid): (Option<u32>, Option<u32>),
) -> Vec<String> {
    let mut words = Vec::new();
    if read_only {
        words.push("ro".to_owned());
    }
    if options.mode != 0 {
        words.push(format!("mode={:o}", options.mode));
    }
    if options.size_bytes != 0 {
        words.push(format!("size={}", options.size_bytes));
    }
    words.extend(uid.map(|uid| format!("uid={uid}")));
    words.extend(gid.map(|gid| format!("gid={gid}")));
    words.extend(options.options.iter().map(|option| option.join("=")));
    words
}

/// Docker's tmpfs runs no programs, has no devices and no set-user-ID unless told otherwise.
fn mount(destination: &str, words: &[String]) -> Result<Mount, SpecError> {
    let mut options: Vec<String> = ["noexec", "nosuid", "nodev"].map(str::to_owned).to_vec();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let replaced = rivals(word).ok_or_else(|| SpecError::TmpfsOption(word.clone()))?;
        options.retain(|old| {
            let key = old.split('=').next().unwrap_or(old);
            !replaced.contains(&key)
        });
        options.push(word.clone());
    }
    Ok(Mount {
        destination: destination.to_owned(),
        kind: Some("tmpfs".to_owned()),
        source: Some("tmpfs".to_owned()),
        options,
        ..Mount::default()
    })
}

/// The words that a word takes the place of; `None` if there is no such word.
fn rivals(word: &str) -> Option<Vec<&str>> {
    if let Some((key, _)) = word.split_once('=') {
        return KEYS.contains(&key).then(|| vec![key]);
    }
    match word {
        "defaults" | "async" | "sync" | "dirsync" | "private" | "rprivate" => Some(vec![word]),
        _ => SWITCHES
            .iter()
            .find(|pair| pair.contains(&word))
            .map(|pair| pair.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<Vec<String>, SpecError> {
        let tmpfs = [("/run".to_owned(), text.to_owned())].into();
        let host = HostConfig {
            tmpfs,
            ..HostConfig::default()
        };
        list(&host).map(|mounts| mounts[0].options.clone())
    }

    #[test]
    fn the_last_word_counts() {
        assert_eq!(options("").unwrap(), ["noexec", "nosuid", "nodev"]);
        assert_eq!(
            options("exec,size=64m,ro,size=1g").unwrap(),
            ["nosuid", "nodev", "exec", "ro", "size=1g"]
        );
        let error = options("rwx").unwrap_err().to_string();
        assert_eq!(error, "invalid tmpfs option \"rwx\"");
        assert!(options("lowerdir=/").is_err());
    }

    #[test]
    fn a_mount_object_has_bytes_and_bits() {
        let mount = gantry_api_types::Mount {
            kind: "tmpfs".to_owned(),
            target: "/run".to_owned(),
            tmpfs_options: Some(TmpfsOptions {
                size_bytes: 4096,
                mode: 0o1770,
                options: vec![vec!["exec".to_owned()]],
            }),
            ..Default::default()
        };
        let host = HostConfig {
            mounts: vec![mount],
            ..HostConfig::default()
        };
        let options = list(&host).unwrap()[0].options.join(",");
        assert_eq!(options, "nosuid,nodev,mode=1770,size=4096,exec");
    }
}
