//! The daemon's plugins, of which there are none.

use gantry_client::Client;
use http::Method;

use crate::command::Entry;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// The entries of the list of all commands. All but `ls` are answered by the daemon.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry::untyped(
        &["plugin create"],
        "[OPTIONS] PLUGIN PLUGIN-DATA-DIR",
        "Create a plugin from a rootfs and configuration. Plugin data directory must contain config.json and rootfs directory.",
        answer,
    ),
    Entry::untyped(
        &["plugin disable"],
        "[OPTIONS] PLUGIN",
        "Disable a plugin",
        answer,
    ),
    Entry::untyped(
        &["plugin enable"],
        "[OPTIONS] PLUGIN",
        "Enable a plugin",
        answer,
    ),
    Entry::untyped(
        &["plugin inspect"],
        "[OPTIONS] PLUGIN [PLUGIN...]",
        "Display detailed information on one or more plugins",
        answer,
    ),
    Entry::untyped(
        &["plugin install"],
        "[OPTIONS] PLUGIN [KEY=VALUE...]",
        "Install a plugin",
        answer,
    ),
    Entry::untyped(
        &["plugin ls", "plugin list"],
        "[OPTIONS]",
        "List plugins",
        list,
    ),
    Entry::untyped(
        &["plugin push"],
        "[OPTIONS] PLUGIN[:TAG]",
        "Push a plugin to a registry",
        answer,
    ),
    Entry::untyped(
        &["plugin rm", "plugin remove"],
        "[OPTIONS] PLUGIN [PLUGIN...]",
        "Remove one or more plugins",
        answer,
    ),
    Entry::untyped(
        &["plugin set"],
        "PLUGIN KEY=VALUE [KEY=VALUE...]",
        "Change settings for a plugin",
        answer,
    ),
    Entry::untyped(
        &["plugin upgrade"],
        "[OPTIONS] PLUGIN [REMOTE]",
        "Upgrade an existing plugin",
        answer,
    ),
];

fn answer(entry: &Entry, path: &str, session: &Session, words: &[String]) -> Result<(), Failure> {
    let Some(name) = words.iter().find(|word| !word.starts_with('-')) else {
        let program = session.program.name;
        return Err(Failure::new(format!(
            "{program}: '{program} {path}' requires at least 1 argument\n\nUsage:  {program} {path} {}\n\nSee '{program} {path} --help' for more information",
            entry.usage
        )));
    };
    let (method, before, after) = match entry.paths[0] {
        "plugin create" => (Method::POST, "/plugins/create?name=", ""),
        "plugin install" => (Method::GET, "/plugins/privileges?remote=", ""),
        "plugin disable" => (Method::POST, "/plugins/", "/disable"),
        "plugin enable" => (Method::POST, "/plugins/", "/enable"),
        "plugin push" => (Method::POST, "/plugins/", "/push"),
        "plugin set" => (Method::POST, "/plugins/", "/set"),
        "plugin rm" => (Method::DELETE, "/plugins/", ""),
        _ => (Method::GET, "/plugins/", "/json"),
    };
    Session::block_on(async {
        let client = session.client().await?;
        let request = client.request(method, Client::path(before, name, after));
        if entry.paths[0] == "plugin inspect" {
            output::line("[]");
        }
        let sent = request.send().await.map_err(|error| {
            let failure = Failure::from(error);
            if entry.paths[0] == "plugin upgrade" {
                return Failure::new(format!("error reading plugin data: {}", failure.message));
            }
            failure
        })?;
        sent.finish().await;
        Ok(())
    })
}

fn list(_: &Entry, _: &str, session: &Session, words: &[String]) -> Result<(), Failure> {
    Session::block_on(async {
        let client = session.client().await?;
        let plugins: Vec<serde_json::Value> = client.get("/plugins").send().await?.json().await?;
        if !plugins.is_empty() {
            return Err(Failure::new(
                "this command line cannot list plugins; use docker",
            ));
        }
        let quiet = words
            .iter()
            .any(|w| w == "-q" || w == "--quiet" || w.starts_with("--format"));
        if !quiet {
            output::line("ID        NAME      DESCRIPTION   ENABLED");
        }
        Ok(())
    })
}
