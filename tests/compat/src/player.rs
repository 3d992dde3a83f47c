//! Playing a play to a daemon.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::{self, Raw, Request};
use crate::normal::Normal;
use crate::play::{Body, Play, Step, minor};
use crate::rules::Rules;
use crate::{Answer, Recording, VERSIONS, tarball};

/// How to reach a daemon, and what of it shows in its answers.
#[derive(Debug)]
pub struct Setting {
    /// Its socket.
    pub socket: PathBuf,
    /// Its folders and other own words, with what to write for them.
    pub paths: Vec<(String, String)>,
}

/// Plays to one daemon, which it has for itself.
#[derive(Debug)]
pub struct Player {
    setting: Setting,
    rules: Rules,
}

/// What a play remembers while it runs.
#[derive(Default)]
struct Memory {
    words: HashMap<String, String>,
    bodies: HashMap<String, Vec<u8>>,
}

impl Player {
    /// A player for this daemon.
    pub fn new(setting: Setting) -> Result<Self> {
        Ok(Self {
            setting,
            rules: Rules::read()?,
        })
    }

    /// Plays at every version and gives all answers.
    pub fn play(&self, play: &Play) -> Result<Recording> {
        VERSIONS
            .iter()
            .map(|version| {
                self.tidy()?;
                self.play_at(play, version)
                    .with_context(|| format!("{} at {version}", play.name))
            })
            .collect()
    }

    fn play_at(&self, play: &Play, version: &str) -> Result<Vec<Option<Answer>>> {
        let mut memory = Memory::default();
        let mut answers = Vec::new();
        for step in &play.steps {
            if !step.is_for(minor(version)?) {
                answers.push(None);
                continue;
            }
            let raw = self
                .send(step, version, &mut memory)
                .with_context(|| step.shown.clone())?;
            let prefix = format!("/v{version}");
            let normal = Normal {
                rules: &self.rules,
                paths: &self.setting.paths,
                request: &step.shown,
                version: &prefix,
            };
            let compared = !step.quiet && step.wait.is_none();
            answers.push(compared.then(|| normal.answer(&raw)));
        }
        Ok(answers)
    }

    fn send(&self, step: &Step, version: &str, memory: &mut Memory) -> Result<Raw> {
        for mark in &step.marks {
            memory.words.insert(mark.clone(), now());
        }
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let raw = self.send_once(step, version, memory)?;
            let Some((path, wanted)) = &step.wait else {
                remember(step, &raw, memory);
                return Ok(raw);
            };
            let found = if path == "~" {
                String::from_utf8_lossy(&raw.body).contains(wanted)
            } else {
                let body: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
                at(&body, path).as_ref() == Some(wanted)
            };
            if found {
                return Ok(raw);
            }
            // The next request tells what is wrong.
            if Instant::now() > until || raw.status >= 400 {
                return Ok(raw);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn send_once(&self, step: &Step, version: &str, memory: &mut Memory) -> Result<Raw> {
        memory.words.insert("now".into(), now());
        let fill = |text: &str| filled(text, &memory.words);
        let path = fill(&step.path);
        let path = path
            .strip_prefix('!')
            .map_or_else(|| format!("/v{version}{path}"), str::to_owned);
        // As every client does; Go would take them as they are, too.
        let path = path.replace('"', "%22").replace(' ', "%20");
        let mut headers: Vec<(String, String)> = step
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect();
        let (kind, body) = match &step.body {
            Body::None => (None, Vec::new()),
            Body::Json(json) => (Some("application/json"), fill(json).into_bytes()),
            Body::Text(text) => (None, fill(text).into_bytes()),
            Body::Tar(files) => (Some("application/x-tar"), tarball::of(files)?),
            Body::Saved(name) => (
                Some("application/x-tar"),
                memory.bodies.get(name).context("nothing saved")?.clone(),
            ),
        };
        let said = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let Some(kind) = kind
            && !said
        {
            headers.push(("Content-Type".into(), kind.into()));
        }
        if step.input.is_some() {
            headers.push(("Connection".into(), "Upgrade".into()));
            headers.push(("Upgrade".into(), "tcp".into()));
        }
        http::ask(
            &self.setting.socket,
            &Request {
                method: &step.method,
                path: &path,
                headers,
                body,
                input: step.input.as_deref(),
            },
        )
    }

    /// Removes all that plays leave behind and makes sure that the image is there.
    pub fn tidy(&self) -> Result<()> {
        for container in &self.list("/containers/json?all=1")? {
            self.delete(&format!(
                "/containers/{}?force=1&v=1",
                word(container, "Id")
            ))?;
        }
        for network in &self.list("/networks")? {
            let name = word(network, "Name");
            if !["bridge", "host", "none"].contains(&name.as_str()) {
                self.delete(&format!("/networks/{}", word(network, "Id")))?;
            }
        }
        let volumes = self.get("/volumes")?;
        for volume in volumes["Volumes"].as_array().into_iter().flatten() {
            self.delete(&format!("/volumes/{}?force=1", word(volume, "Name")))?;
        }
        for image in &self.list("/images/json?all=1")? {
            let tags = image["RepoTags"].as_array().cloned().unwrap_or_default();
            for tag in tags.iter().filter_map(Value::as_str) {
                if tag != IMAGE {
                    self.delete(&format!("/images/{tag}?force=1"))?;
                }
            }
            if tags.is_empty() {
                self.delete(&format!("/images/{}?force=1", word(image, "Id")))?;
            }
        }
        if self.ask("GET", &format!("/images/{IMAGE}/json"))?.status != 200 {
            let raw = self.ask("POST", "/images/create?fromImage=busybox&tag=latest")?;
            let text = String::from_utf8_lossy(&raw.body);
            if raw.status != 200 || text.contains("errorDetail") {
                bail!("cannot pull {IMAGE}: {text}");
            }
        }
        Ok(())
    }

    fn ask(&self, method: &str, path: &str) -> Result<Raw> {
        http::ask(
            &self.setting.socket,
            &Request {
                method,
                path: &format!("/v1.44{path}"),
                headers: Vec::new(),
                body: Vec::new(),
                input: None,
            },
        )
    }

    fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.ask("GET", path)?.body)?)
    }

    fn list(&self, path: &str) -> Result<Vec<Value>> {
        let value = self.get(path)?;
        Ok(value.as_array().cloned().unwrap_or_default())
    }

    fn delete(&self, path: &str) -> Result<()> {
        self.ask("DELETE", path).map(drop)
    }
}

/// The image that every play may count on.
const IMAGE: &str = "busybox:latest";

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn remember(step: &Step, raw: &Raw, memory: &mut Memory) {
    if let Some(name) = &step.save {
        memory.bodies.insert(name.clone(), raw.body.clone());
    }
    for (name, path) in &step.keeps {
        let body: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
        // The answer itself is compared; those that follow from it are asked all the same.
        let value = at(&body, path).unwrap_or_else(|| "missing".into());
        memory.words.insert(name.clone(), value);
    }
}

/// The text at `.A.B.0`.
fn at(value: &Value, path: &str) -> Option<String> {
    let found = value.pointer(&path.replace('.', "/"))?;
    Some(
        found
            .as_str()
            .map_or_else(|| found.to_string(), str::to_owned),
    )
}

fn filled(text: &str, words: &HashMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in words {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// Now, as `since` and `until` want it.
fn now() -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}
