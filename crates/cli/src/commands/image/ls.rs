//! `gantry images`

use std::rc::Rc;

use gantry_api_types::ImageSummary;
use gantry_gotemplate::{Object, Value};
use gantry_units::{human_size, human_size_with_precision};

use super::tree;
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{Format, Row, filters, short_id};
use crate::output;
use crate::session::Session;
use crate::times;

flags! {
    /// `gantry images`
    pub(crate) struct List {
        /// Show all images (default hides intermediate images)
        "all" 'a' => all: bool,
        /// Show digests
        "digests" => digests: bool,
        /// Filter output based on conditions provided
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'table':            Print output in table format with column headers (default)\
        /// 'table TEMPLATE':   Print output in table format using the given Go template\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Don't truncate output
        "no-trunc" => no_trunc: bool,
        /// Only show image IDs
        "quiet" 'q' => quiet: bool,
        /// List multi-platform images as a tree (EXPERIMENTAL)
        "tree" => tree: bool,
    }
}

/// What stands above each column.
pub(crate) const HEADINGS: &[(&str, &str)] = &[
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("VirtualSize", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];
const TABLE: &str = "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}";
const DIGEST_TABLE: &str = "table {{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}";

impl Command for List {
    const USAGE: &'static str = "[OPTIONS] [REPOSITORY[:TAG]]";
    const ABOUT: &'static str = "List images";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let mut conditions = self.filter.to_vec();
        conditions.extend(words.first().map(|pattern| format!("reference={pattern}")));
        if self.tree {
            return self.tree(session, &conditions).await;
        }
        let format = self.format(session);
        let client = session.client().await?;
        let request = client
            .get("/images/json")
            .flag("all", self.all)
            .query_opt("filters", filters(&conditions));
        let images: Vec<ImageSummary> = request.send().await?.json().await?;
        let with_digests = self.digests || format.mentions(".Digest");
        let whole = self.no_trunc;
        let rows = images.into_iter().flat_map(|image| {
            let names = names(&image, with_digests);
            let image = Rc::new(image);
            names
                .into_iter()
                .map(move |name| row(Rc::clone(&image), name, whole))
                .collect::<Vec<_>>()
        });
        format.print(HEADINGS, rows)
    }
}

impl List {
    async fn tree(&self, session: &Session, conditions: &[String]) -> Result<(), Failure> {
        let odd = [
            (self.quiet, "--quiet"),
            (self.no_trunc, "--no-trunc"),
            (self.digests, "--show-digest"),
            (!self.format.is_empty(), "--format"),
        ];
        if let Some((_, name)) = odd.iter().find(|(given, _)| *given) {
            return Err(Failure::new(format!(
                "{name} is not yet supported with --tree"
            )));
        }
        let client = session.client().await?;
        let request = client
            .get("/images/json")
            .flag("all", self.all)
            .flag("manifests", true)
            .query_opt("filters", filters(conditions));
        let images = request.send().await?.json().await?;
        output::print(tree::render(images, self.all, tree::width()));
        Ok(())
    }

    fn format(&self, session: &Session) -> Format {
        if self.quiet && self.format.is_empty() {
            return Format::new("{{.ID}}", "");
        }
        let given = match self.format.as_str() {
            "" if !self.quiet => session.config().images_format.as_str(),
            given => given,
        };
        Format::new(given, if self.digests { DIGEST_TABLE } else { TABLE })
    }
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    repository: String,
    tag: String,
    digest: String,
}

/// A line for each name; an image without a name has one line.
fn names(image: &ImageSummary, with_digests: bool) -> Vec<Name> {
    let none = || "<none>".to_owned();
    let tags: Vec<(&str, &str)> = image
        .repo_tags
        .iter()
        .flatten()
        .filter(|tag| *tag != "<none>:<none>")
        .filter_map(|tag| tag.rsplit_once(':'))
        .collect();
    let digests: Vec<(&str, &str)> = image
        .repo_digests
        .iter()
        .flatten()
        .filter(|digest| *digest != "<none>@<none>")
        .filter_map(|digest| digest.split_once('@'))
        .collect();
    let digests_of = |repository: &str| -> Vec<String> {
        let of: Vec<String> = digests
            .iter()
            .filter(|(name, _)| with_digests && *name == repository)
            .map(|(_, digest)| (*digest).to_owned())
            .collect();
        if of.is_empty() { vec![none()] } else { of }
    };
    let mut names = Vec::new();
    for (repository, tag) in &tags {
        for digest in digests_of(repository) {
            let (repository, tag) = ((*repository).to_owned(), (*tag).to_owned());
            names.push(Name {
                repository,
                tag,
                digest,
            });
        }
    }
    // Names that have a digest but no tag any more.
    for (repository, digest) in &digests {
        if tags.iter().any(|(tagged, _)| tagged == repository) {
            continue;
        }
        let digest = if with_digests {
            (*digest).to_owned()
        } else {
            none()
        };
        let name = Name {
            repository: (*repository).to_owned(),
            tag: none(),
            digest,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.push(Name {
            repository: none(),
            tag: none(),
            digest: none(),
        });
    }
    names
}

struct Data {
    image: Rc<ImageSummary>,
    name: Name,
    whole: bool,
}

/// An image under the first of its names, as templates see it; `whole` is to cut nothing.
pub(crate) fn first_row(mut image: ImageSummary, whole: bool) -> Rc<dyn Object> {
    if let Some(tags) = &mut image.repo_tags {
        tags.truncate(1);
    }
    // What has no tag has no name here.
    image.repo_digests = None;
    let mut name = names(&image, false).swap_remove(0);
    name.digest.clear();
    row(Rc::new(image), name, whole)
}

fn row(image: Rc<ImageSummary>, name: Name, whole: bool) -> Rc<dyn Object> {
    Rc::new(Row {
        type_name: "*formatter.imageContext",
        fields: &[
            "Containers",
            "CreatedAt",
            "CreatedSince",
            "Digest",
            "ID",
            "Repository",
            "SharedSize",
            "Size",
            "Tag",
            "UniqueSize",
            "VirtualSize",
        ],
        field,
        label: |data, key| data.image.labels.as_ref()?.get(key).cloned(),
        data: Data { image, name, whole },
    })
}

fn field(data: &Data, name: &str) -> Option<Value> {
    let image = &data.image;
    let size = |bytes: i64| human_size_with_precision(bytes as f64, 3);
    let known = |bytes: i64| {
        if bytes == -1 {
            "N/A".to_owned()
        } else {
            human_size(bytes as f64)
        }
    };
    Some(Value::from(match name {
        "ID" if data.whole => image.id.clone(),
        "ID" => short_id(&image.id),
        "Repository" => data.name.repository.clone(),
        "Tag" => data.name.tag.clone(),
        "Digest" => data.name.digest.clone(),
        "CreatedSince" if image.created <= 0 => String::new(),
        "CreatedSince" => times::ago(image.created),
        "CreatedAt" => times::go_time(image.created),
        "Size" => size(image.size),
        "VirtualSize" => human_size(image.size as f64),
        "Containers" if image.containers == -1 => "N/A".to_owned(),
        "Containers" => image.containers.to_string(),
        "SharedSize" => known(image.shared_size),
        "UniqueSize" if image.shared_size == -1 => "N/A".to_owned(),
        "UniqueSize" => human_size((image.size - image.shared_size) as f64),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageSummary {
        ImageSummary {
            id: format!("sha256:{}", "ab".repeat(32)),
            repo_tags: Some(vec![
                "nginx:latest".to_owned(),
                "localhost:5000/nginx:1".to_owned(),
            ]),
            repo_digests: Some(vec!["nginx@sha256:1".to_owned()]),
            created: jiff::Timestamp::now().as_second() - 3 * 7 * 86_400,
            size: 192_345_678,
            shared_size: -1,
            containers: -1,
            ..ImageSummary::default()
        }
    }

    fn render(image: ImageSummary, format: &str, digests: bool) -> String {
        let names = names(&image, digests);
        let image = Rc::new(image);
        let rows = names
            .into_iter()
            .map(|name| row(Rc::clone(&image), name, false));
        Format::new(format, TABLE).render(HEADINGS, rows).unwrap()
    }

    #[test]
    fn the_table_is_docker_s() {
        insta::assert_snapshot!(render(image(), "", false), @r"
        REPOSITORY             TAG       IMAGE ID       CREATED       SIZE
        nginx                  latest    abababababab   3 weeks ago   192MB
        localhost:5000/nginx   1         abababababab   3 weeks ago   192MB
        ");
    }

    #[test]
    fn an_image_without_names_has_a_line() {
        let nameless = ImageSummary {
            repo_tags: None,
            repo_digests: None,
            ..image()
        };
        assert_eq!(
            render(nameless, "{{.Repository}}:{{.Tag}} {{.Digest}}", true),
            "<none>:<none> <none>\n"
        );
        let untagged = ImageSummary {
            repo_tags: Some(Vec::new()),
            ..image()
        };
        assert_eq!(
            render(untagged, "{{.Repository}}:{{.Tag}} {{.Digest}}", true),
            "nginx:<none> sha256:1\n"
        );
    }
}
