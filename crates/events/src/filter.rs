//! Which events a client wants.

use gantry_api_types::{Event, Filters};

/// Kinds of things that have a filter of their own name (`container=web`).
const NAMED: [&str; 7] = [
    "container",
    "daemon",
    "network",
    "volume",
    "plugin",
    "node",
    "service",
];

/// Actions that carry their detail after a colon; a filter may leave the detail out.
const WITH_DETAIL: [&str; 3] = ["exec_create", "exec_start", "health_status"];

/// Whether an event passes the filters.
pub(crate) fn passes(filters: &Filters, event: &Event) -> bool {
    filters.is_empty()
        || (passes_action(filters, event)
            && filters.exact("type", &event.kind)
            && filters.exact("scope", &event.scope)
            && NAMED.iter().all(|kind| passes_name(filters, kind, event))
            && passes_image(filters, event)
            && filters.pairs("label", &event.actor.attributes))
}

fn passes_action(filters: &Filters, event: &Event) -> bool {
    if filters.exact("event", &event.action) {
        return true;
    }
    let (action, _) = event.action.split_once(':').unwrap_or((&event.action, ""));
    WITH_DETAIL.contains(&action) && filters.exact("event", action)
}

/// Matches the start of the id or of the name, as Docker does.
fn passes_name(filters: &Filters, kind: &str, event: &Event) -> bool {
    let name = event
        .actor
        .attributes
        .get("name")
        .map_or("", String::as_str);
    filters.prefix(kind, &event.actor.id) || filters.prefix(kind, name)
}

/// An image event by its name, a container's by its image; the tag may be left out.
fn passes_image(filters: &Filters, event: &Event) -> bool {
    let key = if event.kind == "image" {
        "name"
    } else {
        "image"
    };
    let name = event.actor.attributes.get(key).map_or("", String::as_str);
    [&event.actor.id, name]
        .into_iter()
        .any(|name| filters.exact("image", name) || filters.exact("image", without_tag(name)))
}

fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        // A colon before a slash belongs to a registry's port.
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_api_types::EventActor;

    fn event() -> Event {
        let attributes = [
            ("name", "web"),
            ("image", "reg:5000/nginx:1"),
            ("tier", "front"),
        ];
        Event {
            kind: "container".into(),
            action: "exec_start: sh -c ls".into(),
            scope: "local".into(),
            actor: EventActor {
                id: "abcdef".into(),
                attributes: attributes.map(|(k, v)| (k.into(), v.into())).into(),
            },
            ..Event::default()
        }
    }

    #[test]
    fn matches_as_docker_does() {
        let passes = |json: &str| passes(&Filters::from_json(json).unwrap(), &event());
        assert!(passes("{}"));
        assert!(passes(r#"{"type":["container","image"]}"#));
        assert!(!passes(r#"{"type":["image"]}"#));
        assert!(passes(r#"{"event":["exec_start"]}"#));
        assert!(!passes(r#"{"event":["start"]}"#));
        assert!(passes(r#"{"container":["abc"]}"#) && passes(r#"{"container":["web"]}"#));
        assert!(!passes(r#"{"container":["db"]}"#));
        assert!(passes(r#"{"image":["reg:5000/nginx"]}"#));
        assert!(passes(r#"{"image":["reg:5000/nginx:1"]}"#) && !passes(r#"{"image":["nginx"]}"#));
        assert!(passes(r#"{"label":["tier=front"]}"#) && !passes(r#"{"label":["tier=back"]}"#));
    }
}
