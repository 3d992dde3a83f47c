//! `POST /build`: the whole context as an archive, for engines that have nothing newer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gantry_build_client::Filter;
use gantry_build_client::send::{Entry, walk};
use gantry_client::{Client, Request};
use gantry_dockerfile::Ignore;
use serde_json::{Map, Value};

use super::context::is_address;
use super::run::{Prepared, failed};
use crate::failure::Failure;
use crate::progress::{self, Target};
use crate::session::Session;
use crate::upload::made;

/// Builds; what only BuildKit can do is refused by name.
pub(super) async fn build(
    session: &Session,
    client: &Client,
    prepared: Prepared,
) -> Result<(), Failure> {
    refuse(&prepared).map_err(failed)?;
    let proxies = session
        .config()
        .proxy_variables(&session.endpoint()?.to_string());
    let request = query(client.post("/build"), &prepared, &proxies);
    let broken = Broken::default();
    let request = if is_address(&prepared.word) {
        request.query("remote", &prepared.word)
    } else if let Some((_, stream)) = prepared.context.uploads.into_iter().next() {
        let chunks = crate::upload::chunks(stream)?;
        request.stream("application/x-tar", chunks)
    } else {
        let folder = |name: &str| {
            prepared
                .context
                .folders
                .get(name)
                .map(|source| source.folder.clone())
        };
        let (Some(context), Some(dockerfile)) = (folder("context"), folder("dockerfile")) else {
            return Err(failed("there is no context"));
        };
        let name = &prepared.context.attributes["filename"];
        let file = dockerfile.join(name);
        let problem = match std::fs::metadata(&file) {
            Ok(metadata) if metadata.is_dir() => Some(format!("read {name}: is a directory")),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(format!("open {name}: no such file or directory"))
            }
            Err(error) => Some(format!("open {name}: {error}")),
        };
        if let Some(problem) = problem {
            return Err(failed(format!("failed to read dockerfile: {problem}")));
        }
        // One that is elsewhere travels beside the context's files.
        let outside = file
            .canonicalize()
            .ok()
            .is_none_or(|file| !file.starts_with(&context));
        let inside = file.canonicalize().unwrap_or(file.clone());
        let name = if outside {
            ".dockerfile.outside".to_owned()
        } else {
            inside
                .strip_prefix(&context)
                .unwrap_or(&inside)
                .to_string_lossy()
                .into_owned()
        };
        let archive = archive(
            context,
            outside.then_some(file),
            name.clone(),
            Arc::clone(&broken),
        )?;
        request
            .query("dockerfile", name)
            .stream("application/x-tar", archive)
    };
    // Told to be quiet, the engine says nothing but the image's ID.
    let request = request.query_opt("q", prepared.flags.quiet.then_some("1"));
    match request.send().await {
        Ok(answer) => progress::show(answer, Target::Output).await,
        // What is wrong with the context says more than that the request broke off.
        Err(error) => match broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(why) => Err(failed(why)),
            None => Err(error.into()),
        },
    }
}

fn refuse(prepared: &Prepared) -> Result<(), String> {
    let flags = &prepared.flags;
    let asked = [
        ("--call", prepared.call.question().is_some()),
        ("--output", !flags.output.is_empty()),
        ("--push", flags.push),
        ("--debug", flags.debug || !flags.invoke.is_empty()),
        ("--secret", !flags.secret.is_empty()),
        ("--ssh", !flags.ssh.is_empty()),
        ("--build-context", !flags.build_context.is_empty()),
        ("--cache-to", !flags.cache_to.is_empty()),
        ("--attest", !flags.attest.is_empty()),
        ("--sbom", !flags.sbom.is_empty()),
        ("--annotation", !flags.annotation.is_empty()),
        ("--allow", !flags.allow.is_empty()),
        ("--no-cache-filter", !flags.no_cache_filter.is_empty()),
        ("--metadata-file", !flags.metadata_file.is_empty()),
        ("--iidfile", !flags.iidfile.is_empty()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((option, _)) => Err(format!(
            "{option} needs BuildKit, which this engine does not have"
        )),
        None => Ok(()),
    }
}

fn query(mut request: Request, prepared: &Prepared, proxies: &[(String, String)]) -> Request {
    let flags = &prepared.flags;
    let mut arguments: Map<String, Value> = proxies
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    for argument in flags.build_arg.iter() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Value::from(value)),
            None => (
                argument.as_str(),
                std::env::var(argument).map_or(Value::Null, Value::from),
            ),
        };
        arguments.insert(name.to_owned(), value);
    }
    let labels: BTreeMap<&str, &str> = flags
        .label
        .iter()
        .map(|label| label.split_once('=').unwrap_or((label, "")))
        .collect();
    for name in &prepared.names {
        request = request.query("t", name);
    }
    for host in flags.add_host.iter() {
        request = request.query("extrahosts", host.replacen('=', ":", 1));
    }
    let ulimits: Vec<Value> = flags
        .ulimit
        .iter()
        .map(|ulimit| serde_json::json!({"Name": ulimit.name, "Soft": ulimit.soft, "Hard": ulimit.hard}))
        .collect();
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let json = |value: Value| value.to_string();
    request
        .query("version", "1")
        .query("rm", if flags.remove { "1" } else { "0" })
        .flag("forcerm", flags.force_remove)
        .flag("nocache", flags.no_cache)
        .flag("pull", flags.pull)
        .query("buildargs", json(arguments.into()))
        .query("labels", json(serde_json::json!(labels)))
        .query(
            "cachefrom",
            json(serde_json::json!(flags.cache_from.to_vec())),
        )
        .query_opt("target", some(&flags.target))
        .query_opt("networkmode", some(&flags.network))
        .query_opt("cgroupparent", some(&flags.cgroup_parent))
        .query_opt("platform", some(&flags.platform.join(",")))
        .query_opt(
            "shmsize",
            (flags.shm_size.0 > 0).then(|| flags.shm_size.0.to_string()),
        )
        .query_opt(
            "ulimits",
            (!ulimits.is_empty()).then(|| json(ulimits.into())),
        )
}

/// Why a context could not be packed.
type Broken = Arc<Mutex<Option<String>>>;

/// The context as an archive, made while it travels.
fn archive(
    context: PathBuf,
    outside: Option<PathBuf>,
    dockerfile: String,
    broken: Broken,
) -> io::Result<impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static> {
    made("context", move |upload| {
        pack(&context, outside.as_deref(), &dockerfile, upload).inspect_err(|error| {
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        })
    })
}

fn pack(
    context: &Path,
    outside: Option<&Path>,
    dockerfile: &str,
    to: impl Write,
) -> io::Result<()> {
    let mut tar = tar::Builder::new(to);
    tar.follow_symlinks(false);
    tar.sparse(false);
    // A Dockerfile may have an ignore file of its own.
    let own = format!("{dockerfile}.dockerignore");
    let rules = std::fs::read(context.join(&own));
    let text = rules
        .or_else(|_| std::fs::read(context.join(".dockerignore")))
        .unwrap_or_default();
    let ignore = Ignore::parse(&text).map_err(io::Error::other)?;
    let mut failure = None;
    walk(context, &Filter::default(), &mut |entry: Entry| {
        let path = &entry.stat.path;
        // The engine needs these even where the build must not see them.
        let needed = path == ".dockerignore" || path == dockerfile || *path == own;
        if !needed && ignore.matches(path) {
            return true;
        }
        failure = append(&mut tar, &context.join(path), &entry).err();
        failure.is_none()
    })
    .map_err(io::Error::other)?;
    if let Some(error) = failure {
        return Err(error);
    }
    if let Some(path) = outside {
        tar.append_file(dockerfile, &mut File::open(path)?)?;
    }
    tar.into_inner()?.flush()
}

/// Packs one file: several names of a file stay one file, and pipes are files like others.
fn append(tar: &mut tar::Builder<impl Write>, source: &Path, entry: &Entry) -> io::Result<()> {
    let path = &entry.stat.path;
    let metadata = std::fs::symlink_metadata(source)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&metadata);
    if metadata.file_type().is_fifo() {
        header.set_entry_type(tar::EntryType::Fifo);
        header.set_size(0);
        return tar.append_data(&mut header, path, io::empty());
    }
    if metadata.is_file() && !entry.stat.linkname.is_empty() {
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        return tar.append_link(&mut header, path, &entry.stat.linkname);
    }
    tar.append_path_with_name(source, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_what_is_not_ignored_and_the_dockerfile() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join(".dockerignore"), "*.md\nDockerfile\n").unwrap();
        for file in ["Dockerfile", "a", "b.md"] {
            std::fs::write(at.join(file), file).unwrap();
        }
        let mut bytes = Vec::new();
        pack(at, Some(&at.join("b.md")), "Dockerfile", &mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(names, [".dockerignore", "Dockerfile", "a", "Dockerfile"]);
    }
}
