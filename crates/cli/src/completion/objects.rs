//! Names of what the daemon has.

use gantry_client::Client;
use serde_json::Value;

use crate::failure::Failure;
use crate::session::Session;

/// A candidate and what it is.
pub(super) type Candidate = (String, String);

/// Which containers a command is for.
pub(super) fn states(path: &str) -> &'static [&'static str] {
    let verb = path.rsplit(' ').next().unwrap_or(path);
    match verb {
        "attach" | "exec" | "kill" | "port" | "stats" | "stop" | "top" => &["running"],
        "pause" => &["running"],
        "unpause" => &["paused"],
        "start" => &["created", "exited"],
        _ => &[],
    }
}

/// Names of things of one kind, as usage lines call it.
pub(super) async fn names(
    session: &Session,
    kind: &str,
    path: &str,
) -> Result<Vec<Candidate>, Failure> {
    if kind == "CONTEXT" {
        let mut names = vec![(crate::contexts::DEFAULT.to_owned(), String::new())];
        let all = session.contexts().all();
        names.extend(
            all.iter()
                .map(|c| (c.name.clone(), c.description().to_owned())),
        );
        return Ok(names);
    }
    // Completion starts nothing: who has no daemon has no names.
    let client = Client::connect(&session.endpoint()?).await?;
    match kind {
        "CONTAINER" => containers(&client, states(path)).await,
        "IMAGE" => images(&client).await,
        "NETWORK" => {
            list(
                &client,
                "/networks",
                |n| text(n, "Name"),
                |n| text(n, "Driver"),
            )
            .await
        }
        "SECRET" => {
            let name = |s: &Value| text(&s["Spec"], "Name");
            list(&client, "/secrets", name, |_| String::new()).await
        }
        "VOLUME" => {
            let answer: Value = client.get("/volumes").send().await?.json().await?;
            let volumes = answer["Volumes"].as_array().cloned().unwrap_or_default();
            Ok(volumes
                .iter()
                .map(|v| (text(v, "Name"), text(v, "Driver")))
                .collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}

async fn list(
    client: &Client,
    path: &str,
    name: impl Fn(&Value) -> String,
    about: impl Fn(&Value) -> String,
) -> Result<Vec<Candidate>, Failure> {
    let objects: Vec<Value> = client.get(path).send().await?.json().await?;
    Ok(objects.iter().map(|o| (name(o), about(o))).collect())
}

async fn containers(client: &Client, states: &[&str]) -> Result<Vec<Candidate>, Failure> {
    let request = client.get("/containers/json").query("all", "1");
    let all: Vec<Value> = request.send().await?.json().await?;
    Ok(all
        .iter()
        .filter(|c| states.is_empty() || states.contains(&text(c, "State").as_str()))
        .map(|c| {
            let name = c["Names"][0].as_str().unwrap_or_default();
            let about = format!("{} {}", text(c, "Image"), text(c, "Status"));
            (name.trim_start_matches('/').to_owned(), about)
        })
        .collect())
}

async fn images(client: &Client) -> Result<Vec<Candidate>, Failure> {
    let all: Vec<Value> = client.get("/images/json").send().await?.json().await?;
    let tags = all
        .iter()
        .flat_map(|image| image["RepoTags"].as_array().into_iter().flatten());
    let mut names = Vec::new();
    for tag in tags
        .filter_map(Value::as_str)
        .filter(|tag| *tag != "<none>:<none>")
    {
        names.push((tag.to_owned(), String::new()));
        if let Some(short) = tag.strip_suffix(":latest") {
            names.push((short.to_owned(), String::new()));
        }
    }
    Ok(names)
}
