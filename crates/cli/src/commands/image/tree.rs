//! `gantry images --tree`: every image with the platforms that it is for, as the daemon tells them.

use gantry_units::human_size_with_precision;
use rustix::termios::tcgetwinsize;
use serde::Deserialize;

use crate::format::short_id;

/// What of an image the tree shows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TreeImage {
    id: String,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    created: i64,
    size: i64,
    containers: i64,
    manifests: Option<Vec<Manifest>>,
}

/// One of an image's manifests; a daemon whose store has single images tells none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Manifest {
    #[serde(rename = "ID")]
    id: String,
    kind: String,
    size: Sizes,
    image_data: Option<ImageData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Sizes {
    content: i64,
    total: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageData {
    platform: Platform,
    containers: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Platform {
    architecture: String,
    os: String,
    variant: String,
}

const WARNING: &str =
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
const LEGEND: &str = "Info ->  U In Use ";
/// Between columns.
const GAP: usize = 3;
/// The first column is at least so wide; others give way.
const LEAST: usize = 12;
/// Titles and widths of what stands behind the name; the first and the last are left-aligned.
const COLUMNS: [(&str, usize); 4] = [
    ("ID", 12),
    ("DISK USAGE", 10),
    ("CONTENT SIZE", 12),
    ("EXTRA", 5),
];

/// A line: what is in the first column, and the others.
type Line = (String, [String; 4]);

/// The terminal's width; 80 where there is none.
pub(super) fn width() -> usize {
    let width = tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if width == 0 { 80 } else { width.max(20) }
}

/// The whole output.
pub(super) fn render(mut images: Vec<TreeImage>, all: bool, width: usize) -> String {
    images.retain(|image| all || !image.is_dangling());
    images.sort_by_key(|image| std::cmp::Reverse(image.created));
    let spacing = images
        .iter()
        .any(|image| image.platforms().next().is_some());
    let widest = images.iter().flat_map(TreeImage::first_columns);
    let widest = widest.map(|text| text.chars().count()).max().unwrap_or(0);
    let (first, shown) = fit(width, widest.max("IMAGE".len()));
    let mut text = format!("{WARNING}\n{LEGEND:>width$}\n\n");
    let titles = COLUMNS.map(|(title, _)| title.to_owned());
    push(&mut text, first, shown, &("IMAGE".to_owned(), titles));
    for image in &images {
        let (above, line) = image.lines();
        for name in above {
            text.push_str(&name);
            text.push('\n');
        }
        push(&mut text, first, shown, &line);
        for child in image.children() {
            push(&mut text, first, shown, &child);
        }
        if spacing {
            text.push('\n');
        }
    }
    text
}

/// How wide the first column is, and how many others there is room for.
fn fit(width: usize, widest: usize) -> (usize, usize) {
    let (mut left, mut shown) = (width, 0);
    for (_, column) in COLUMNS {
        if left < column + GAP + LEAST {
            break;
        }
        left -= column + GAP;
        shown += 1;
    }
    (left.min(widest), shown)
}

fn push(text: &mut String, first: usize, shown: usize, (name, others): &Line) {
    text.push_str(&left(name, first));
    for (value, (title, width)) in others.iter().zip(COLUMNS).take(shown) {
        text.push_str(&" ".repeat(GAP));
        if matches!(title, "ID" | "EXTRA") {
            text.push_str(&left(value, width));
        } else {
            text.push_str(&" ".repeat(width.saturating_sub(value.len())));
            text.push_str(value);
        }
    }
    text.push('\n');
}

/// Filled up with blanks, or cut off with dots.
fn left(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

impl TreeImage {
    fn is_dangling(&self) -> bool {
        let none = |names: &Option<Vec<String>>, nameless: &str| {
            names.iter().flatten().all(|name| name == nameless)
        };
        none(&self.repo_tags, "<none>:<none>") && none(&self.repo_digests, "<none>@<none>")
    }

    fn platforms(&self) -> impl Iterator<Item = (&Manifest, &ImageData)> {
        let manifests = self.manifests.iter().flatten();
        manifests
            .filter(|manifest| manifest.kind == "image")
            .filter_map(|manifest| Some((manifest, manifest.image_data.as_ref()?)))
    }

    fn first_columns(&self) -> Vec<String> {
        let names = self.repo_tags.iter().flatten().cloned();
        names
            .chain(self.children().into_iter().map(|(name, _)| name))
            .collect()
    }

    /// The names that have lines of their own, the longest first, and the line of the last one.
    fn lines(&self) -> (Vec<String>, Line) {
        let mut names: Vec<String> = self.repo_tags.iter().flatten().cloned().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let last = names.pop().unwrap_or_else(|| "<untagged>".to_owned());
        let content = self.manifests.iter().flatten();
        let content = content.map(|manifest| manifest.size.content).sum();
        let used = self.containers > 0 || self.platforms().any(|(_, data)| data.is_used());
        let details = details(&self.id, self.size, content, used);
        (names, (last, details))
    }

    fn children(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .platforms()
            .map(|(manifest, data)| {
                let sizes = &manifest.size;
                let details = details(&manifest.id, sizes.total, sizes.content, data.is_used());
                (format!("├─ {}", data.platform.text()), details)
            })
            .collect();
        if let Some((name, _)) = lines.last_mut() {
            *name = name.replacen('├', "└", 1);
        }
        lines
    }
}

impl ImageData {
    fn is_used(&self) -> bool {
        self.containers.iter().flatten().next().is_some()
    }
}

impl Platform {
    fn text(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant];
        let given = parts.iter().filter(|part| !part.is_empty());
        given
            .map(|part| part.as_str())
            .collect::<Vec<_>>()
            .join("/")
    }
}

fn details(id: &str, total: i64, content: i64, used: bool) -> [String; 4] {
    let size = |bytes: i64| human_size_with_precision(bytes as f64, 3);
    let used = if used { "U" } else { "" };
    [short_id(id), size(total), size(content), used.to_owned()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn images() -> Vec<TreeImage> {
        serde_json::from_value(json!([
            {"Id": "sha256:0123456789abcdef", "RepoTags": ["old:1", "registry.test/old:1"], "Created": 1, "Size": 1_120_000},
            {"Id": "sha256:fedcba9876543210", "RepoTags": ["new:1"], "Created": 2, "Size": 20_500_000, "Manifests": [
                {"ID": "sha256:aaaaaaaaaaaaaaaa", "Kind": "image", "Size": {"Content": 3_000_000, "Total": 10_500_000},
                 "ImageData": {"Platform": {"os": "linux", "architecture": "amd64"}, "Containers": ["c1"]}},
                {"ID": "sha256:bbbbbbbbbbbbbbbb", "Kind": "image", "Size": {"Content": 2_500_000, "Total": 10_000_000},
                 "ImageData": {"Platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}},
                {"ID": "sha256:cccccccccccccccc", "Kind": "attestation", "Size": {"Content": 1000}},
            ]},
            {"Id": "sha256:9999999999999999", "Created": 3, "Size": 5},
        ]))
        .unwrap()
    }

    #[test]
    fn platforms_hang_below_their_image() {
        let text = render(images(), false, 80);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(lines[3..].join("\n"), @r"
        IMAGE                 ID             DISK USAGE   CONTENT SIZE   EXTRA
        new:1                 fedcba987654       20.5MB          5.5MB   U
        ├─ linux/amd64        aaaaaaaaaaaa       10.5MB            3MB   U
        └─ linux/arm/v7       bbbbbbbbbbbb         10MB          2.5MB

        registry.test/old:1
        old:1                 0123456789ab       1.12MB             0B
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_columns() {
        let text = render(images(), true, 45);
        assert!(
            text.contains("DISK USAGE") && !text.contains("CONTENT"),
            "{text}"
        );
        assert!(text.contains("<untagged>"), "{text}");
        assert_eq!(left("registry.test/old:1", 10), "registry.…");
    }
}
