use std::collections::BTreeMap;

use gantry_gotemplate::{Template, Value};
use regex_lite::Regex;

use crate::Error;
use crate::options::{Options, text};

/// What is known of a container whose output is logged.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// 64 hex digits.
    pub id: String,
    /// Without a slash.
    pub name: String,
    /// Entrypoint and arguments, with spaces between.
    pub command: String,
    /// `sha256:...`
    pub image_id: String,
    /// As the user wrote it.
    pub image_name: String,
    /// RFC 3339.
    pub created: String,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The host's name.
    pub hostname: String,
    /// Where the log is.
    pub log_path: String,
}

impl Info {
    pub(crate) fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The tag that the options ask for, or that of the driver's default template.
    pub fn tag(&self, options: &Options, default: &str) -> Result<String, Error> {
        let source = match text(options, "tag") {
            "" => default,
            source => source,
        };
        Template::parse(source)
            .and_then(|template| template.render(&self.value(options)))
            .map_err(|e| Error::option(format!("template: log-tag: {e}")))
    }

    /// What a tag's template sees.
    fn value(&self, options: &Options) -> Value {
        let text = |text: &str| Value::Text(text.into());
        let map = |map: &BTreeMap<String, String>| {
            let entries = map.iter().map(|(k, v)| (k.clone(), text(v)));
            Value::Map(entries.collect::<Vec<_>>().into())
        };
        let image = self.image_id.get(..12).unwrap_or(&self.image_id);
        let env: Vec<Value> = self.env.iter().map(|e| text(e)).collect();
        let fields = [
            ("ID", text(self.short_id())),
            ("FullID", text(&self.id)),
            ("Name", text(&self.name)),
            ("ImageID", text(image)),
            ("ImageFullID", text(&self.image_id)),
            ("ImageName", text(&self.image_name)),
            ("Command", text(&self.command)),
            ("Hostname", text(&self.hostname)),
            ("DaemonName", text("gantry")),
            ("Config", map(options)),
            ("ContainerID", text(&self.id)),
            ("ContainerName", text(&format!("/{}", self.name))),
            ("ContainerImageID", text(&self.image_id)),
            ("ContainerImageName", text(&self.image_name)),
            ("ContainerCreated", text(&self.created)),
            ("ContainerEnv", Value::List(env.into())),
            ("ContainerLabels", map(&self.labels)),
            ("LogPath", text(&self.log_path)),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Value::Struct(Vec::from(fields).into())
    }

    /// The labels and variables that the options ask for, their names changed by `rename`.
    pub fn attributes(
        &self,
        options: &Options,
        rename: impl Fn(&str) -> String,
    ) -> Result<BTreeMap<String, String>, Error> {
        let env: BTreeMap<String, String> = self
            .env
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut found = BTreeMap::new();
        for (source, list, pattern) in [
            (&self.labels, "labels", "labels-regex"),
            (&env, "env", "env-regex"),
        ] {
            let named: Vec<&str> = text(options, list).split(',').collect();
            let pattern = match text(options, pattern) {
                "" => None,
                pattern => Some(Regex::new(pattern).map_err(|e| {
                    Error::option(format!("error parsing regexp: {e}: `{pattern}`"))
                })?),
            };
            let wanted = |name: &str| {
                named.contains(&name) || pattern.as_ref().is_some_and(|p| p.is_match(name))
            };
            for (name, value) in source.iter().filter(|(name, _)| wanted(name)) {
                found.insert(rename(name), value.clone());
            }
        }
        Ok(found)
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            id: "0123456789abcdef".repeat(4),
            name: "web".to_owned(),
            command: "/bin/serve -p 80".to_owned(),
            image_id: format!("sha256:{}", "ab".repeat(32)),
            image_name: "example/web:1".to_owned(),
            created: "2026-01-02T03:04:05.678Z".to_owned(),
            env: vec!["STAGE=prod".to_owned(), "PATH=/bin".to_owned()],
            labels: BTreeMap::from([("com.example.team".to_owned(), "a b".to_owned())]),
            hostname: "host1".to_owned(),
            log_path: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_tag_is_a_template() {
        let info = Info::example();
        for (source, expected) in [
            ("", "0123456789ab"),
            ("{{.Name}}/{{.ImageName}}", "web/example/web:1"),
            ("{{.ImageID}}", "sha256:ababa"),
            ("{{.FullID}}", &info.id),
            ("{{index .ContainerLabels \"com.example.team\"}}", "a b"),
        ] {
            let tag = info.tag(&options(&[("tag", source)]), "{{.ID}}").unwrap();
            assert_eq!(tag, expected);
        }
        assert!(info.tag(&options(&[("tag", "{{.Nope}}")]), "").is_err());
        assert!(info.tag(&options(&[("tag", "{{")]), "").is_err());
    }

    #[test]
    fn attributes_are_chosen_by_name_and_pattern() {
        let asked = options(&[("labels", "com.example.team,other"), ("env-regex", "^ST")]);
        let found = Info::example()
            .attributes(&asked, str::to_uppercase)
            .unwrap();
        let expected = [("COM.EXAMPLE.TEAM", "a b"), ("STAGE", "prod")];
        assert_eq!(
            found,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
        assert!(
            Info::example()
                .attributes(&options(&[("env-regex", "(")]), str::to_owned)
                .is_err()
        );
    }
}
