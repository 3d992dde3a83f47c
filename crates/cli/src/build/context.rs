//! What is built: a folder, standard input, an address.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write as _, stdin};
use std::path::{Path, PathBuf};

use gantry_build_client::Source;

use super::layouts::Layouts;

/// Where the sources are, as the frontend and the session have to know it.
#[derive(Default)]
pub(crate) struct Context {
    /// For the frontend.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Folders that the engine may read.
    pub(crate) folders: HashMap<String, Source>,
    /// Streams that it fetches.
    pub(crate) uploads: HashMap<String, Box<dyn Read + Send>>,
    /// The folder, if it is one; by it the engine finds what it got the last time.
    pub(crate) folder: Option<PathBuf>,
    /// OCI layouts that the engine may use.
    pub(crate) layouts: Layouts,
    /// What was made for the time of the build.
    temporary: Vec<tempfile::TempDir>,
}

/// What the engine fetches a stream from us by.
const UPLOADS: &str = "http://buildkit-session/";

impl Context {
    /// Finds the context and the Dockerfile, which may have been fetched from where `file` says.
    pub(crate) fn find(word: &str, file: &str, fetched: Option<&[u8]>) -> Result<Self, String> {
        let mut context = Self::default();
        if let Some(mut text) = fetched {
            let place = match word {
                "-" => {
                    return Err(
                        "invalid argument: a Dockerfile from an address needs a folder or an \
                         address to build from, not stdin"
                            .to_owned(),
                    );
                }
                word if is_address(word) => {
                    context
                        .attributes
                        .insert("context".to_owned(), word.to_owned());
                    None
                }
                word => Some(context.open_folder(Path::new(word))?),
            };
            context.dockerfile_from(&mut text)?;
            context.folder = place;
            return Ok(context);
        }
        match word {
            "" => {
                return Err(
                    "please specify build context (e.g. \".\" for the current directory)"
                        .to_owned(),
                );
            }
            "-" if file == "-" => {
                return Err(
                    "invalid argument: can't use stdin for both build context and dockerfile"
                        .to_owned(),
                );
            }
            "-" => context.standard_input(file)?,
            address if is_address(address) => {
                let address = address.to_owned();
                context.attributes.insert("context".to_owned(), address);
                context.remote_dockerfile(file)?;
            }
            path => context.local(Path::new(path), file)?,
        }
        Ok(context)
    }

    /// Adds `--build-context name=place`.
    pub(crate) fn add_named(&mut self, name: &str, place: &str) -> Result<(), String> {
        let key = format!("context:{name}");
        let kept = ["docker-image://", "target:"];
        if is_address(place) || kept.iter().any(|prefix| place.starts_with(prefix)) {
            self.attributes.insert(key, place.to_owned());
        } else if let Some(place) = place.strip_prefix("oci-layout://") {
            let image = self.layouts.image(place)?;
            self.attributes.insert(key, image);
        } else {
            let folder = PathBuf::from(place);
            if !folder.is_dir() {
                return Err(format!(
                    "failed to get build context {name}: stat {place}: no such file or directory"
                ));
            }
            // These two are taken.
            let local = match name {
                "context" | "dockerfile" => format!("_{name}"),
                name => name.to_owned(),
            };
            self.attributes.insert(key, format!("local:{local}"));
            self.folders.insert(local, Source { folder });
        }
        self.attributes.insert(
            "frontend.caps".to_owned(),
            "moby.buildkit.frontend.contexts+forward".to_owned(),
        );
        Ok(())
    }

    fn local(&mut self, path: &Path, file: &str) -> Result<(), String> {
        let folder = self.open_folder(path)?;
        let (place, name) = match file {
            "-" => {
                return self
                    .dockerfile_from(&mut stdin().lock())
                    .map(|()| self.folder = Some(folder));
            }
            "" => (folder.clone(), "Dockerfile".to_owned()),
            file => split(Path::new(file)),
        };
        self.name_dockerfile(place, name);
        self.folder = Some(folder);
        Ok(())
    }

    fn open_folder(&mut self, path: &Path) -> Result<PathBuf, String> {
        if !path.is_dir() {
            return Err(format!(
                "unable to prepare context: path {:?} not found",
                path.display().to_string()
            ));
        }
        let folder = path.canonicalize().map_err(|error| error.to_string())?;
        self.expose("context", folder.clone());
        Ok(folder)
    }

    fn name_dockerfile(&mut self, folder: PathBuf, name: String) {
        let lower = folder.join("dockerfile");
        let name = if name == "Dockerfile" && !folder.join(&name).exists() && lower.exists() {
            "dockerfile".to_owned()
        } else {
            name
        };
        self.attributes.insert("filename".to_owned(), name);
        self.expose("dockerfile", folder);
    }

    fn remote_dockerfile(&mut self, file: &str) -> Result<(), String> {
        match file {
            "-" => self.dockerfile_from(&mut stdin().lock()),
            "" => {
                self.attributes
                    .insert("filename".to_owned(), "Dockerfile".to_owned());
                Ok(())
            }
            // It lies there, not here.
            file => {
                self.attributes
                    .insert("filename".to_owned(), file.to_owned());
                Ok(())
            }
        }
    }

    /// An archive is the context, anything else a Dockerfile without one.
    fn standard_input(&mut self, file: &str) -> Result<(), String> {
        let mut head = vec![0; 512];
        let mut length = 0;
        while length < head.len() {
            match stdin().lock().read(&mut head[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) => {
                    return Err(format!("failed to peek context header from STDIN: {error}"));
                }
            }
        }
        head.truncate(length);
        let all = std::io::Cursor::new(head.clone()).chain(stdin());
        if is_archive(&head) {
            let id = gantry_build_client::new_id().map_err(|error| error.to_string())?;
            self.attributes
                .insert("context".to_owned(), format!("{UPLOADS}{id}"));
            self.uploads.insert(id, Box::new(all));
            return self.remote_dockerfile(file);
        }
        if !file.is_empty() {
            return Err(
                "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles"
                    .to_owned(),
            );
        }
        let mut all = all;
        self.dockerfile_from(&mut all)?;
        let empty = tempfile::tempdir().map_err(|error| error.to_string())?;
        self.expose("context", empty.path().to_owned());
        self.temporary.push(empty);
        Ok(())
    }

    /// A Dockerfile that is in no folder gets one.
    fn dockerfile_from(&mut self, reader: &mut dyn Read) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("Dockerfile");
        let mut text = Vec::new();
        reader
            .read_to_end(&mut text)
            .and_then(|_| std::fs::File::create(&path)?.write_all(&text))
            .map_err(|error| format!("failed to read dockerfile: {error}"))?;
        self.attributes
            .insert("filename".to_owned(), "Dockerfile".to_owned());
        self.expose("dockerfile", folder.path().to_owned());
        self.temporary.push(folder);
        Ok(())
    }

    fn expose(&mut self, name: &str, folder: PathBuf) {
        self.folders.insert(name.to_owned(), Source { folder });
    }
}

/// A file's folder and name; a bare name is in the current folder.
fn split(path: &Path) -> (PathBuf, String) {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    (folder, name)
}

/// Addresses that the engine fetches itself.
pub(crate) fn is_address(text: &str) -> bool {
    let schemes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    schemes.iter().any(|scheme| text.starts_with(scheme))
}

/// Whether these bytes begin an archive, compressed or not.
fn is_archive(head: &[u8]) -> bool {
    let magics: [&[u8]; 5] = [
        b"\x1f\x8b\x08",
        b"BZh",
        b"\xfd7zXZ\x00",
        b"\x28\xb5\x2f\xfd",
        b"\x5d\x00\x00",
    ];
    magics.iter().any(|magic| head.starts_with(magic)) || is_tar(head)
}

/// A tar header: `ustar`, or from before that, one with a right sum.
fn is_tar(head: &[u8]) -> bool {
    if head.len() < 512 {
        return false;
    }
    if &head[257..262] == b"ustar" {
        return true;
    }
    let told = std::str::from_utf8(&head[148..156]).unwrap_or_default();
    let told = told.trim_matches(|c: char| c == ' ' || c == '\0');
    let sum: u64 = head[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                u64::from(b' ')
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    u64::from_str_radix(told, 8).is_ok_and(|told| told == sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_dockerfile_in_it_or_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("dockerfile"), "FROM x").unwrap();
        let context = Context::find(path, "", None).unwrap();
        assert_eq!(context.attributes["filename"], "dockerfile");
        assert_eq!(context.folders["dockerfile"], context.folders["context"]);
        let context = Context::find(path, "some/where/F2", None).unwrap();
        assert_eq!(context.attributes["filename"], "F2");
        assert_eq!(
            context.folders["dockerfile"].folder,
            Path::new("some/where")
        );
        assert_eq!(
            Context::find("nodir", "", None).err().unwrap(),
            "unable to prepare context: path \"nodir\" not found"
        );
    }

    #[test]
    fn addresses_are_left_to_the_engine() {
        let context = Context::find("https://example.com/a.git#main:sub", "F2", None).unwrap();
        assert_eq!(
            context.attributes["context"],
            "https://example.com/a.git#main:sub"
        );
        assert_eq!(context.attributes["filename"], "F2");
        assert!(context.folders.is_empty());
    }

    #[test]
    fn named_contexts_are_folders_images_or_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = Context::default();
        context
            .add_named("context", folder.path().to_str().unwrap())
            .unwrap();
        context.add_named("base", "docker-image://alpine").unwrap();
        assert_eq!(context.attributes["context:context"], "local:_context");
        assert_eq!(context.attributes["context:base"], "docker-image://alpine");
        assert!(context.folders.contains_key("_context"));
        assert!(
            context
                .add_named("x", "oci-layout:///none/at/all")
                .unwrap_err()
                .contains("index.json")
        );
        assert!(context.add_named("x", "/none/at/all").is_err());
    }

    #[test]
    fn archives_are_told_from_dockerfiles() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_old();
        header.set_size(0);
        header.set_path("a").unwrap();
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
        assert!(is_archive(&tar.into_inner().unwrap()));
        assert!(is_archive(b"\x1f\x8b\x08\x00"));
        assert!(!is_archive(b"FROM scratch\n"));
        assert!(!is_archive(&[b' '; 600]));
    }
}
