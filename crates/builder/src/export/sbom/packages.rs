//! The databases of package managers.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::fd::BorrowedFd;

use gantry_sys::in_root;
use rustix::fs::{Dir, FileType, OFlags};

use crate::Error;
use crate::files::c_path;

/// A database larger than this is none.
const DATABASE_MAX: u64 = 128 << 20;
/// Databases that are known and not read.
const UNREAD: [&str; 3] = [
    "var/lib/rpm",
    "usr/lib/sysimage/rpm",
    "var/lib/pacman/local",
];

/// What an image's databases say.
#[derive(Debug, Default)]
pub(super) struct Installed {
    pub packages: Vec<Package>,
    pub distribution: Distribution,
    /// Databases that are there and were not read.
    unread: Vec<&'static str>,
}

/// os-release(5).
#[derive(Debug, Default)]
pub(super) struct Distribution {
    pub id: String,
    pub version: String,
}

/// A package.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    pub architecture: String,
    pub maintainer: String,
    pub license: String,
    /// `deb`, `apk`, `pypi` or `npm`.
    pub kind: &'static str,
    /// Where it is written down.
    pub database: String,
}

/// Reads the databases below a root.
pub(super) fn of(root: BorrowedFd<'_>) -> Result<Installed, Error> {
    let mut packages = Vec::new();
    if let Some(text) = read(root, "var/lib/dpkg/status")? {
        packages.extend(debian(&text, "/var/lib/dpkg/status", true));
    }
    for name in names(root, "var/lib/dpkg/status.d") {
        let path = format!("var/lib/dpkg/status.d/{name}");
        if !name.ends_with(".md5sums")
            && let Some(text) = read(root, &path)?
        {
            packages.extend(debian(&text, &format!("/{path}"), false));
        }
    }
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        if let Some(text) = read(root, path)? {
            packages.extend(alpine(&text, &format!("/{path}")));
            // One of the two may be a link to the other.
            break;
        }
    }
    packages.extend(super::languages::of(root)?);
    packages.sort();
    let mut release = read(root, "etc/os-release")?;
    if release.is_none() {
        release = read(root, "usr/lib/os-release")?;
    }
    let unread = UNREAD
        .into_iter()
        .filter(|path| !names(root, path).is_empty());
    Ok(Installed {
        packages,
        distribution: distribution(&release.unwrap_or_default()),
        unread: unread.collect(),
    })
}

impl Installed {
    /// What the document is about, and what not.
    pub(super) fn comment(&self) -> String {
        let unread = self.unread.iter();
        let unread: String = unread
            .map(|path| format!(" The database /{path} was not read."))
            .collect();
        format!(
            "What the databases of dpkg and apk in the image say, and the metadata of packages of Python and Node. Software \
             that came another way is not listed.{unread}"
        )
    }
}

impl Package {
    /// The package's URL.
    pub(super) fn url(&self, distribution: &Distribution) -> String {
        if matches!(self.kind, "pypi" | "npm") {
            let parts: Vec<String> = self.name.split('/').map(escaped).collect();
            let (name, version) = (parts.join("/"), escaped(&self.version));
            return format!("pkg:{}/{name}@{version}", self.kind);
        }
        let vendor = match (distribution.id.as_str(), self.kind) {
            ("", "apk") => "alpine",
            ("", _) => "debian",
            (id, _) => id,
        };
        let mut url = format!(
            "pkg:{}/{}/{}@{}?arch={}",
            self.kind,
            escaped(vendor),
            escaped(&self.name),
            escaped(&self.version),
            escaped(&self.architecture)
        );
        if !distribution.version.is_empty() {
            let release = format!("{vendor}-{}", distribution.version);
            url = format!("{url}&distro={}", escaped(&release));
        }
        url
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

/// A regular file below a root; `None` if there is none.
pub(super) fn read(root: BorrowedFd<'_>, path: &str) -> Result<Option<String>, Error> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let Ok(file) = in_root::open(root, &c_path(format!("/{path}").as_bytes())?, flags) else {
        return Ok(None);
    };
    let stat = rustix::fs::fstat(&file).map_err(Error::file("look at", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut text = Vec::new();
    let mut file = std::fs::File::from(file).take(DATABASE_MAX);
    let read = file.read_to_end(&mut text);
    read.map_err(Error::file("read", path))?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// The names in a directory; none if there is no such directory.
fn names(root: BorrowedFd<'_>, path: &str) -> Vec<String> {
    let opened = c_path(format!("/{path}").as_bytes())
        .ok()
        .and_then(|path| in_root::open(root, &path, OFlags::RDONLY | OFlags::DIRECTORY).ok());
    let entries = opened.and_then(|folder| Dir::read_from(&folder).ok());
    let names = entries.into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().to_str().ok()?.to_owned();
        (name != "." && name != "..").then_some(name)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// dpkg's records: fields by name, blank lines between.
fn debian(text: &str, database: &str, with_status: bool) -> Vec<Package> {
    let records = text.split("\n\n").map(|record| {
        // Lines that go on begin with a space, and are of no interest.
        let lines = record.lines().filter(|line| !line.starts_with([' ', '\t']));
        let fields = lines.filter_map(|line| line.split_once(':'));
        fields
            .map(|(name, value)| (name, value.trim()))
            .collect::<BTreeMap<_, _>>()
    });
    let packages = records.filter_map(|fields| {
        let field = |name: &str| fields.get(name).map(|value| (*value).to_owned());
        let status = field("Status").unwrap_or_default();
        if with_status && !status.ends_with(" installed") {
            return None;
        }
        Some(Package {
            name: field("Package")?,
            version: field("Version")?,
            architecture: field("Architecture").unwrap_or_default(),
            maintainer: field("Maintainer").unwrap_or_default(),
            license: String::new(),
            kind: "deb",
            database: database.to_owned(),
        })
    });
    packages.collect()
}

/// apk's records: a letter and a value a line, blank lines between.
fn alpine(text: &str, database: &str) -> Vec<Package> {
    let packages = text.split("\n\n").filter_map(|record| {
        let field = |letter: &str| {
            let mut lines = record.lines();
            lines.find_map(|line| Some(line.strip_prefix(letter)?.strip_prefix(':')?.to_owned()))
        };
        Some(Package {
            name: field("P")?,
            version: field("V")?,
            architecture: field("A").unwrap_or_default(),
            maintainer: field("m").unwrap_or_default(),
            license: field("L").unwrap_or_default(),
            kind: "apk",
            database: database.to_owned(),
        })
    });
    packages.collect()
}

fn distribution(release: &str) -> Distribution {
    let field = |name: &str| {
        let mut lines = release.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value
            .unwrap_or_default()
            .trim_matches(['"', '\''])
            .to_owned()
    };
    Distribution {
        id: field("ID"),
        version: field("VERSION_ID"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn databases_are_read_as_they_lie_in_images() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "var/lib/dpkg/status",
            "Package: bash\nStatus: install ok installed\nMaintainer: M <m@x>\nArchitecture: amd64\n\
             Version: 1:5.2+dfsg-1\nDescription: a shell\n Version: not this\n\n\
             Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
        );
        write(
            "var/lib/dpkg/status.d/tzdata",
            "Package: tzdata\nVersion: 2025b\nArchitecture: all\n",
        );
        write("var/lib/dpkg/status.d/tzdata.md5sums", "00  usr/x\n");
        write(
            "lib/apk/db/installed",
            "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\n\nP:zlib\nV:1\n",
        );
        write("etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n");
        write("var/lib/rpm/rpmdb.sqlite", "");
        let folder = std::fs::File::open(root.path()).unwrap();
        let found = of(folder.as_fd()).unwrap();
        let names: Vec<&str> = found.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["bash", "musl", "tzdata", "zlib"]);
        assert_eq!(
            found.packages[0].url(&found.distribution),
            "pkg:deb/debian/bash@1%3A5.2%2Bdfsg-1?arch=amd64&distro=debian-13"
        );
        assert_eq!(found.packages[1].license, "MIT");
        assert!(found.comment().contains("/var/lib/rpm was not read"));
    }
}
